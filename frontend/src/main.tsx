import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { ErrorBoundary } from './app/ErrorBoundary.tsx';
import { watchInstallation } from './lib/installation.ts';
import { typefaceOf } from './lib/typeface.ts';
import { LanguageProvider, loadLanguage } from './messages/language.tsx';
import './styles.css';

watchInstallation();

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id root');

const page = createRoot(root);
const show = (language: Awaited<ReturnType<typeof loadLanguage>>) =>
  page.render(
    <StrictMode>
      <LanguageProvider initial={language}>
        <ErrorBoundary>
          <App />
        </ErrorBoundary>
      </LanguageProvider>
    </StrictMode>,
  );

void loadLanguage().then(async (language) => {
  await typefaceOf(language.messages.send.lead);
  show(language);
});
