import { Link } from '../components/Link.tsx';
import { buttonClass } from '../components/ui/Button.tsx';
import { Notice } from '../components/ui/Notice.tsx';
import { isSaving, savings } from '../lib/savings.ts';
import { useStore } from '../lib/store.ts';
import { useLanguage } from '../messages/language.tsx';

/** Files that are saved, or were, while another page is looked at; each leads back to its link. */
export function SavingNotices() {
  const { messages } = useLanguage();
  const words = messages.receive.elsewhere;
  const others = [...useStore(savings).values()].filter((saving) => !saving.isInView);
  return others.map((saving) => {
    const isSaved = saving.phase.name === 'saved';
    const title = isSaving(saving)
      ? words.saving(saving.name)
      : isSaved
        ? words.saved(saving.name)
        : words.failed(saving.name);
    return (
      <Notice
        key={`${saving.shareId} ${title}`}
        tone={isSaving(saving) || isSaved ? 'news' : 'loss'}
        title={title}
        action={
          <Link href={`/d/${saving.shareId}`} className={buttonClass('secondary')}>
            {messages.mine.open}
          </Link>
        }
      />
    );
  });
}
