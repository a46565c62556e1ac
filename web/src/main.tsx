// Starts the console.

import { render } from 'preact';
import { App } from './shell/app.tsx';
import { restoreTheme } from './state/theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/charts.css';
import './styles/transaction.css';
import './styles/report.css';
import './styles/dialogs.css';
import './styles/phone-tables.css';

restoreTheme();
render(<App />, document.getElementById('app')!);
