import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DataStack } from '../data/data-stack.ts';
import { type AlarmDefinition, addAlarms, apiAlarms, storeAlarms } from './alarms.ts';
import { addDashboard, apiSection, type DashboardSection, storeSections } from './dashboard.ts';

export interface MonitoringStackProps extends StackProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly data: DataStack;
  /** Sections that other stacks add to the dashboard, such as the progress of migrations. */
  readonly sections?: readonly DashboardSection[];
  /** Alarms that other stacks add, such as the age of the last backup. */
  readonly alarms?: readonly AlarmDefinition[];
}

/** The dashboard, the alarms, and the topic that notifies operators. */
export class MonitoringStack extends Stack {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, props: MonitoringStackProps) {
    const { deployment, data, sections = [], alarms = [], ...rest } = props;
    super(scope, id, rest);
    const { name } = deployment;
    this.topic = this.#topic(deployment);
    addDashboard(this, name, [apiSection(name), ...storeSections(data), ...sections]);
    addAlarms(this, name, this.topic, [...apiAlarms(name), ...storeAlarms(data), ...alarms]);
    new CfnOutput(this, 'AlarmTopic', { value: this.topic.topicArn, description: 'Topic of the alarms.' });
  }

  #topic({ name, alarms }: DeploymentConfig): ITopic {
    if (alarms.topic_arn !== undefined) return Topic.fromTopicArn(this, 'Alarms', alarms.topic_arn);
    const topic = new Topic(this, 'Alarms', { displayName: `Alarms of ${name}`, enforceSSL: true });
    // An explicit policy replaces the default one, which lets everybody in the account publish.
    topic.grantPublish(
      new ServicePrincipal('cloudwatch.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    for (const email of alarms.emails) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }
}
