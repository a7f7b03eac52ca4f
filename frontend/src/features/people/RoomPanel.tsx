import { QrCode } from 'lucide-react';
import { type FormEvent, useId, useState, useSyncExternalStore } from 'react';
import { LaterPart, usePartAtHand } from '../../components/LaterPart.tsx';
import { qrSheet } from '../../components/qr-sheet.ts';
import { Button } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { FIELD_CLASS } from '../../components/ui/Field.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { live } from '../../lib/live.ts';
import { peopleApi } from '../../lib/people-api.ts';
import { session } from '../../lib/session.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { roomLink, toRoom } from './room-link.ts';
import { codeIn, type RoomState, snapshotOf } from './room-state.ts';
import { roomStore } from './room-store.ts';

const ENTER_ID = 'enter-room';

/** Which room one is in, and the way into another one. */
export function RoomPanel({ code, room }: { readonly code: string | null; readonly room: RoomState }) {
  const { messages } = useLanguage();
  const words = messages.people.room;
  return (
    <section aria-label={words.heading} className="flex flex-col gap-4 border-y border-hairline py-4">
      <div className="flex flex-wrap items-center justify-between gap-x-8 gap-y-4">
        <Where code={code} room={room} />
        {code === null && <OtherRooms room={room} />}
        {/* A code that lets nobody in is not offered to be handed on. */}
        {code !== null && room.name !== 'refused' && <OwnRoom code={code} />}
      </div>
      <Trouble code={code} room={room} />
    </section>
  );
}

function Where({ code, room }: { readonly code: string | null; readonly room: RoomState }) {
  const { messages } = useLanguage();
  const words = messages.people.room;
  const snapshot = snapshotOf(room);
  if (code !== null) {
    return (
      <p className="flex flex-wrap items-baseline gap-x-3">
        <span className="text-ink-soft">{words.named}</span>
        <bdi className="font-mono text-2xl font-medium tracking-[0.06em] break-all">{code}</bdi>
      </p>
    );
  }
  if (room.name === 'away') return <Text title={words.away} text={words.awayText} />;
  if (snapshot?.room === null) return <Text title={words.none} text={words.noneText} />;
  return <Text title={words.local} text={snapshot ? words.localText : words.joining} />;
}

function Text({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <div className="min-w-0 flex-1 basis-80">
      <p className="text-lg font-medium">{title}</p>
      <p className="max-w-[60ch] text-ink-soft">{text}</p>
    </div>
  );
}

/** The code, to be handed to others in every way there is. */
function OwnRoom({ code }: { readonly code: string }) {
  const { messages } = useLanguage();
  const words = messages.people.room;
  const [isQrOpen, setIsQrOpen] = useState(false);
  usePartAtHand(qrSheet);
  const row = useFocusHome<HTMLDivElement>();
  return (
    <div ref={row} className="flex flex-wrap gap-2 max-sm:w-full">
      <CopyButton text={roomLink(code)} label={words.copy} className="max-sm:flex-1" />
      <Button className="max-sm:flex-1" onClick={() => setIsQrOpen(true)}>
        <QrCode aria-hidden className="size-5" strokeWidth={1.5} />
        {words.qr}
      </Button>
      <Button variant="quiet" className="px-2! max-sm:-ms-2 sm:-me-2" onClick={() => toRoom(null)}>
        {words.leave}
      </Button>
      {isQrOpen && (
        <LaterPart part={qrSheet}>
          {(QrSheet) => <QrSheet title={words.qrTitle} link={roomLink(code)} onClose={() => setIsQrOpen(false)} />}
        </LaterPart>
      )}
    </div>
  );
}

function OtherRooms({ room }: { readonly room: RoomState }) {
  const { messages, format } = useLanguage();
  const isJoined = room.name === 'joined';
  const isNowhere = isJoined && room.snapshot.room === null;
  const words = messages.people.room;
  const [text, setText] = useState('');
  const [isMaking, setIsMaking] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const id = useId();
  const row = useFocusHome<HTMLDivElement>();
  const join = (event: FormEvent) => {
    event.preventDefault();
    const code = codeIn(text);
    if (code !== '') toRoom(code);
  };
  const make = async () => {
    setIsMaking(true);
    const answer = await session.within(peopleApi.makeRoom);
    setIsMaking(false);
    if (answer.ok) toRoom(answer.value.code);
    else setFault(answer.fault);
  };
  const explanation = fault ? explainFault(fault, messages, format) : null;
  return (
    <div ref={row} className="flex flex-wrap gap-2 max-sm:w-full">
      <form onSubmit={join} className="flex gap-2 max-sm:w-full">
        <label htmlFor={id} className="sr-only">
          {words.joinLabel}
        </label>
        <input
          id={id}
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={words.joinPlaceholder}
          autoCapitalize="off"
          autoComplete="off"
          spellCheck={false}
          className={`${FIELD_CLASS} font-mono sm:w-32`}
        />
        <Button type="submit">{words.join}</Button>
      </form>
      {/* Where there are no people of this network, a room is the way to anybody. */}
      <Button
        variant={isNowhere ? 'primary' : 'secondary'}
        className="max-sm:w-full"
        isBusy={isMaking}
        onClick={() => void make()}
      >
        {isMaking ? words.making : words.make}
      </Button>
      {isJoined && !isNowhere && <Hide />}
      {explanation && (
        <Notice tone="loss" title={explanation.title}>
          {explanation.advice}
        </Notice>
      )}
    </div>
  );
}

function Hide() {
  const { messages } = useLanguage();
  const button = useFocusHome<HTMLButtonElement>(() => document.getElementById(ENTER_ID));
  return (
    <Button ref={button} variant="quiet" className="px-2! max-sm:w-full" onClick={roomStore.leave}>
      {messages.people.room.hide}
    </Button>
  );
}

function Enter({ code }: { readonly code: string | null }) {
  const { messages } = useLanguage();
  const button = useFocusHome<HTMLButtonElement>();
  return (
    <Button ref={button} id={ENTER_ID} variant="primary" className="self-start" onClick={() => roomStore.want(code)}>
      {messages.people.room.enter}
    </Button>
  );
}

/** Why nobody sees one right now, and what to do. Never silence. */
function Trouble({ code, room }: { readonly code: string | null; readonly room: RoomState }) {
  const { messages, format } = useLanguage();
  const words = messages.people.room;
  const liveState = useSyncExternalStore(live.subscribe, live.read);
  if (room.name === 'away') return <Enter code={code} />;
  if (room.name === 'refused') {
    const { title, advice } = explainFault(room.fault, messages, format);
    const isOfRoom = room.fault.kind === 'problem' && ['bad_request', 'not_found', 'busy'].includes(room.fault.type);
    return (
      <Notice
        tone="loss"
        title={isOfRoom ? words.refusedTitle : title}
        action={
          <div className="flex flex-wrap gap-2">
            <Button onClick={() => roomStore.want(code)}>{words.tryAgain}</Button>
            {code !== null && <Button onClick={() => toRoom(null)}>{words.toNetwork}</Button>}
          </div>
        }
      >
        {isOfRoom ? words.refusedText : advice}
      </Notice>
    );
  }
  if (room.name === 'joined') return null;
  // That there is no network, or no answer, and what to do stands above the page: here, what it means for being seen.
  if (liveState === 'gave_up' || !navigator.onLine) {
    return <p className="font-medium text-amber-ink">{navigator.onLine ? words.stopped : words.offline}</p>;
  }
  // The first connection is quick: only a lost one is worth a line.
  return room.last ? <Notice tone="waiting" title={words.again} /> : null;
}
