#!/usr/bin/env node
// Starts `hfstorage` with a Node that can run it. Plain, old JavaScript, so that even Node 14 can print a clear message.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 24;
const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));
const { resolve } = createRequire(import.meta.url);

// Node does not strip types inside node_modules, so an installed package contains compiled sources.
const isClone = existsSync(join(root, 'bin', 'hfstorage.ts')) && !root.split(sep).includes('node_modules');

const majorOf = (version) => Number(version.split('.')[0]);

function fail(...lines) {
  for (const line of lines) console.error(line);
  process.exit(1);
}

/** The folder of an installed package, found from here upwards, or undefined. */
function packageFolder(name) {
  try {
    return dirname(resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** Packages that contain a Node for this machine. Apple's and Microsoft's ARM systems run x64 programs too. */
const platform = process.platform === 'win32' ? 'win' : process.platform;
const nodePackages = [`node-${platform}-${process.arch}`, `node-${platform}-x64`];

/** A new enough Node among the packages installed here, or undefined. */
function newerNode() {
  for (const name of nodePackages) {
    const folder = packageFolder(name);
    if (folder === undefined) continue;
    const { version, bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (majorOf(version) >= OLDEST_NODE) return join(folder, bin.node);
  }
  return undefined;
}

/** Runs this file again with another Node. */
function runWith(node) {
  const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('error', ({ message }) => fail(`hfstorage: ${node} does not start: ${message}`, ...howToGetNode));
  // Windows sends Ctrl-C to both processes and has no other signals: it is enough to wait for the child.
  const forward = (signal) => process.platform !== 'win32' && child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of signals) process.removeListener(each, forward);
    process.kill(process.pid, signal);
  });
}

const isPackaged = ['linux', 'win'].includes(platform);
const howToGetNode = [
  `hfstorage needs Node ${OLDEST_NODE} or newer; this is Node ${process.versions.node} (${process.execPath}).`,
  isPackaged
    ? `Install it from https://nodejs.org, or for this project only: npm install ${nodePackages[0]}@${OLDEST_NODE}`
    : 'Install it from https://nodejs.org.',
];

if (isClone && packageFolder('zod') === undefined) {
  fail(`hfstorage: the dependencies are not installed. Run \`npm ci\` in ${root}.`);
} else if (majorOf(process.versions.node) >= OLDEST_NODE) {
  import(isClone ? './hfstorage.ts' : '../dist/bin/hfstorage.js').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    fail(
      `hfstorage: ${error.message}`,
      `Something is missing in ${root}: run \`npm ci\` in a clone, or install the package again.`,
    );
  });
} else {
  const node = newerNode();
  if (node === undefined) fail(...howToGetNode);
  else runWith(node);
}
