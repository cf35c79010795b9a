import { describe, expect, test } from '@jest/globals';
import { resolve, type Scope } from './intrinsics.ts';

const scope: Scope = {
  ref: (name) => `ref-${name}`,
  attribute: (resource, attribute) => `${resource}:${attribute}`,
  importValue: (name) => `imported-${name}`,
  condition: (name) => name === 'IsTrue',
  findInMap: (map, first, second) => `${map}/${first}/${second}`,
};

describe('intrinsic functions', () => {
  test.each([
    [{ Ref: 'Table' }, 'ref-Table'],
    [{ 'Fn::GetAtt': ['Role', 'Arn'] }, 'Role:Arn'],
    [{ 'Fn::GetAtt': 'Database.Endpoint.Address' }, 'Database:Endpoint.Address'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'B' }, 3]] }, 'a-ref-B-3'],
    [{ 'Fn::Sub': `\${A}/\${B.Arn}/\${!Plain}` }, `ref-A/B:Arn/\${Plain}`],
    [{ 'Fn::Sub': [`\${A}\${B}`, { A: { Ref: 'X' } }] }, 'ref-Xref-B'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
    [{ 'Fn::Split': [':', { 'Fn::ImportValue': 'a:b' }] }, ['imported-a', 'b']],
    [{ 'Fn::If': ['IsTrue', 1, 2] }, 1],
    [{ 'Fn::If': ['IsFalse', 1, { Ref: 'Two' }] }, 'ref-Two'],
    [{ 'Fn::Equals': [{ Ref: 'A' }, 'ref-A'] }, true],
    [{ 'Fn::And': [{ Condition: 'IsTrue' }, { 'Fn::Not': [{ Condition: 'IsFalse' }] }] }, true],
    [{ 'Fn::Or': [{ Condition: 'IsFalse' }, { 'Fn::Equals': ['a', 'b'] }] }, false],
    [{ 'Fn::FindInMap': ['Map', { Ref: 'Key' }, 'b'] }, 'Map/ref-Key/b'],
    [{ a: { Ref: 'AWS::NoValue' }, b: [1, { Ref: 'AWS::NoValue' }] }, { b: [1] }],
    [
      { Ref: 'A', Other: 1 },
      { Ref: 'A', Other: 1 },
    ],
    [{ Condition: { Null: { key: 'true' } } }, { Condition: { Null: { key: 'true' } } }],
  ])('%j is %j', (value, expected) => {
    expect(resolve(value, scope)).toEqual(expected);
  });

  test('an unknown function or a missing resource is an error', () => {
    expect(() => resolve({ 'Fn::Transform': {} }, scope)).toThrow('Fn::Transform');
    expect(() => resolve({ 'Fn::Select': [3, ['a']] }, scope)).toThrow(RangeError);
    expect(() => resolve({ 'Fn::Join': ['', [{ a: 1 }]] }, scope)).toThrow(TypeError);
  });
});
