import { useEffect, useState } from 'react';
import { LeftOutNotice } from '../../components/LeftOutNotice.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { config } from '../../config/env.ts';
import { collectDrop, NOTHING_LEFT_OUT } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';
import { session } from '../../lib/session.ts';
import { useStore } from '../../lib/store.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import { usePaste } from '../../lib/use-paste.ts';
import { useTitle } from '../../lib/use-title.ts';
import { useLanguage } from '../../messages/language.tsx';
import { mayHaveUploads } from '../../transfer-engine/resume-store.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { Cleared } from './Cleared.tsx';
import { DraftPanel } from './DraftPanel.tsx';
import { draftStore, receiveFiles } from './draft-store.ts';
import { Hero } from './Hero.tsx';
import { OtherUploads, UnfinishedUploads, WaitingDraft } from './OtherUploads.tsx';
import { RecentTransfers } from './RecentTransfers.tsx';
import { UploadPanel } from './UploadPanel.tsx';
import { useDropAnywhere } from './use-drop-anywhere.ts';
import { useShared } from './use-shared.ts';

/** A server that does not answer must not keep the page empty. */
const LOOKING_MS = 1_500;

export function SendPage() {
  const { messages, format } = useLanguage();
  const draft = useStore(draftStore);
  // What goes to a person directly is shown where the people are.
  const views = useStore(uploads).filter((view) => view.recipients === null);
  const [said, setSaid] = useState('');
  const [readingCount, setReadingCount] = useState(0);
  const [leftOut, setLeftOut] = useState(NOTHING_LEFT_OUT);
  useTitle(messages.app.name);
  // Where something unfinished may be found, nothing is shown for a moment rather than moved aside when it is.
  const [isLooking, setIsLooking] = useState(() => uploads.read().length === 0 && mayHaveUploads());
  useEffect(() => {
    void session.ensure();
    const patience = setTimeout(() => setIsLooking(false), LOOKING_MS);
    void uploads.restore(config.backendUrl, uploadPace).then(() => setIsLooking(false));
    return () => clearTimeout(patience);
  }, []);

  const add = async (files: readonly CollectedFile[], without = NOTHING_LEFT_OUT) => {
    setLeftOut(without);
    const added = await receiveFiles(files);
    if (added > 0) setSaid(messages.send.added(added, format.count(added)));
  };
  const isDragging = useDropAnywhere(async (found) => {
    const collected = await collectDrop(found, (count) => {
      // Only a folder takes long enough to be told of, and a thousand renderings would make it longer.
      if (count % 100 === 0) setReadingCount(count);
    });
    setReadingCount(0);
    await add(collected.files, collected);
  });
  usePaste(messages.send.pastedName, (files, leftOut) => void add(files, leftOut));
  const isSharedMissing = useShared(messages.send.sharedName, (files) => void add(files));

  const hasDraft = draft.items.length > 0;
  // One whose worker broke waits for its files as after a reload: its link must not be handed out as one that works.
  const current = views.find((view) => view.transferId === draft.currentId && view.phase.name !== 'needs_files');
  const others = views.filter((view) => view !== current);
  const unfinished = others.filter((view) => view.phase.name === 'needs_files');
  const beside = others.filter((view) => view.phase.name !== 'needs_files');
  return (
    <>
      {/* What was begun comes before what might be. */}
      {!hasDraft && !current && <UnfinishedUploads views={unfinished} />}
      {current ? (
        <UploadPanel key={current.transferId} view={current} />
      ) : hasDraft ? (
        <DraftPanel draft={draft} onPick={add} />
      ) : isLooking ? null : (
        <Hero isDragging={isDragging} onPick={add} />
      )}
      {isSharedMissing && <Notice tone="loss" title={messages.banner.sharedMissing} />}
      <LeftOutNotice {...leftOut} />
      {current && hasDraft && <WaitingDraft items={draft.items} />}
      <OtherUploads views={beside} />
      {(hasDraft || current) && <UnfinishedUploads views={unfinished} />}
      {!hasDraft && <RecentTransfers hiddenIds={new Set(views.map((view) => view.transferId))} />}
      {(isDragging || readingCount > 0) && (
        <div className="pointer-events-none fixed inset-0 z-30 border-4 border-accent">
          <p className="absolute inset-x-0 bottom-8 mx-auto w-fit rounded-full bg-accent px-5 py-2 font-medium text-on-accent">
            {isDragging ? messages.send.dropNow : messages.send.reading(readingCount, format.count(readingCount))}
          </p>
        </div>
      )}
      <Cleared cleared={draft.cleared} />
      <p role="status" className="sr-only">
        {said}
      </p>
    </>
  );
}
