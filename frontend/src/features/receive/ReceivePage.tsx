import { Waiting } from '../../components/Waiting.tsx';
import { useTitle } from '../../lib/use-title.ts';
import { useLanguage } from '../../messages/language.tsx';
import { hasBegunHere } from './begun.ts';
import { GonePage } from './GonePage.tsx';
import { goneReasonOf } from './gone-reason.ts';
import { PasswordForm } from './PasswordForm.tsx';
import { ReadyShare } from './ReadyShare.tsx';
import { useShare } from './use-share.ts';

/** What someone sees who opened a link. */
export function ReceivePage({ shareId }: { readonly shareId: string }) {
  const { messages } = useLanguage();
  const { state, reload, unlock } = useShare(shareId);
  useTitle(messages.app.titlePage(messages.receive.title));
  switch (state.name) {
    case 'loading':
      return (
        <div className="flex flex-1 flex-col justify-center pb-16">
          <Waiting rowCount={1} />
        </div>
      );
    case 'password':
      return (
        <PasswordForm senderName={state.senderName} isWrong={state.isWrong} fault={state.fault} onSubmit={unlock} />
      );
    case 'failed':
      return <GonePage reason={goneReasonOf(state.fault)} fault={state.fault} onRetry={reload} />;
    case 'ready': {
      const { share } = state.answer;
      if (share.state === 'ended') {
        return <GonePage reason={share.endReason ?? 'expired'} fault={null} onRetry={reload} />;
      }
      const isUsedUp = share.maxDownloads !== null && share.downloadCount >= share.maxDownloads;
      if (isUsedUp && !hasBegunHere(shareId)) return <GonePage reason="used_up" fault={null} onRetry={reload} />;
      return (
        <ReadyShare shareId={shareId} answer={state.answer} strip={state.strip} right={state.right} onBegun={reload} />
      );
    }
  }
}
