import { useState } from 'react';
import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { useTitle } from '../../lib/use-title.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import './cluster.css';
import type { ClusterPicture } from './cluster-picture.ts';
import { EventFeed } from './EventFeed.tsx';
import { HeardLine, STALE_AFTER_MS, useSilence } from './HeardLine.tsx';
import { NodeSheet } from './NodeSheet.tsx';
import { NodesSection } from './NodesSection.tsx';
import { sumsOf } from './node-standing.ts';
import { SignIn } from './SignIn.tsx';
import { Summary } from './Summary.tsx';
import { ThroughputChart } from './ThroughputChart.tsx';
import { Topology } from './Topology.tsx';
import { TransferList } from './TransferList.tsx';
import { type Cluster, useCluster } from './use-cluster.ts';

/** The operator's page: the whole cluster, once a second, made to be left open. */
export function ClusterPage() {
  const { messages, format } = useLanguage();
  const cluster = useCluster();
  const { access, overview, isOver } = cluster.picture;
  useTitle(titleOf(overview, messages, format));
  if (access === 'signed_out') return <SignIn isOver={isOver} onSignIn={cluster.signIn} />;
  if (overview === null) return <Asking cluster={cluster} />;
  return <Watched cluster={cluster} overview={overview} />;
}

/** A tab in the background still says that something is wrong. */
function titleOf(
  overview: OperatorOverview | null,
  messages: ReturnType<typeof useLanguage>['messages'],
  format: ReturnType<typeof useLanguage>['format'],
): string {
  const title = messages.app.titlePage(messages.cluster.title);
  if (overview === null) return title;
  const { nodeCount, healthyCount } = sumsOf(overview);
  if (nodeCount === healthyCount) return title;
  const trouble = messages.cluster.titleTrouble(format.count(healthyCount), format.count(nodeCount));
  return messages.app.titleProgress(trouble, title);
}

/** Before the first answer, and while there is none. */
function Asking({ cluster }: { readonly cluster: Cluster }) {
  const { messages } = useLanguage();
  return (
    <section className="flex flex-1 flex-col gap-8 pt-8">
      <h1 className="text-3xl font-semibold tracking-[-0.03em] sm:text-4xl">{messages.cluster.title}</h1>
      {cluster.picture.fault === null ? (
        <p role="status" className="text-ink-soft">
          {messages.cluster.heard.asking}
        </p>
      ) : (
        <Silence picture={cluster.picture} onAsk={cluster.askNow} />
      )}
    </section>
  );
}

function Watched({ cluster, overview }: { readonly cluster: Cluster; readonly overview: OperatorOverview }) {
  const { messages } = useLanguage();
  const { picture } = cluster;
  const [opened, setOpened] = useState<string | null>(null);
  const silenceMs = useSilence(picture.heardAtMs);
  const isStale = silenceMs !== null && silenceMs > STALE_AFTER_MS;
  const { at, history } = overview;
  return (
    <div className="flex flex-1 flex-col gap-8 pt-2">
      <Summary overview={overview}>
        <HeardLine silenceMs={silenceMs} />
        <SignOut onSignOut={cluster.signOut} />
      </Summary>
      {isStale && <Silence picture={picture} onAsk={cluster.askNow} />}
      <div className={`cluster-grid flex-1 ${isStale ? 'grayscale' : ''}`}>
        <Topology overview={overview} isStill={isStale} onOpen={setOpened} />
        <section aria-labelledby="cluster-chart" className="area-chart flex min-w-0 flex-col gap-3">
          <div className="flex flex-wrap items-baseline gap-x-4">
            <h2 id="cluster-chart" className="text-lg font-medium">
              {messages.cluster.chart.title}
            </h2>
            <p className="text-sm text-ink-soft">{messages.cluster.chart.span}</p>
          </div>
          <ThroughputChart history={history} nodeId={null} now={sumsOf(overview)} at={at} className="h-[240px]" />
        </section>
        <NodesSection overview={overview} onOpen={setOpened} />
        <TransferList overview={overview} movedAtMs={picture.movedAtMs} />
        <EventFeed events={picture.events} />
      </div>
      {opened !== null && (
        <NodeSheet key={opened} nodeId={opened} overview={overview} onClose={() => setOpened(null)} />
      )}
    </div>
  );
}

/** Nobody answers: said, with why, and with a button for who does not want to wait. */
function Silence({ picture, onAsk }: { readonly picture: ClusterPicture; readonly onAsk: () => void }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.heard;
  const { fault, overview } = picture;
  const why = fault === null ? null : explainFault(fault, messages, format);
  return (
    <Notice
      tone="waiting"
      title={why?.title ?? words.staleTitle}
      action={<Button onClick={onAsk}>{words.askNow}</Button>}
    >
      {overview === null ? words.neverText : words.staleText}
    </Notice>
  );
}

function SignOut({ onSignOut }: { readonly onSignOut: Cluster['signOut'] }) {
  const { messages } = useLanguage();
  const words = messages.cluster.signIn;
  const [hasFailed, setHasFailed] = useState(false);
  const leave = async () => setHasFailed(!(await onSignOut()).ok);
  return (
    <span className="flex items-center gap-3">
      <Button
        variant="quiet"
        className="-mx-2 h-9! px-2! text-sm! font-normal! pointer-coarse:h-11!"
        onClick={() => void leave()}
      >
        {words.signOut}
      </Button>
      {hasFailed && (
        <span role="alert" className="text-sm text-red-ink">
          {words.signOutFailed}
        </span>
      )}
    </span>
  );
}
