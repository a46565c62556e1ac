// The pages that users see. A leaf module: both halves use it, it uses neither.

export { audienceOf, type PageAudience } from './audience.ts';
export { blockPage, type BlockPageInput, type ReportLink } from './block-page.ts';
export { certificatePage, type CertificatePageInput, type ShownCertificate } from './certificate-page.ts';
export { errorPage, type ErrorPageInput } from './error-page.ts';
export { languageOf } from './language.ts';
export { infoPage, type InfoPageInput } from './info-page.ts';
export { patienceFacts, patiencePage, type PatiencePageInput } from './patience-page.ts';
export { PATIENCE_SCRIPT } from './patience-script.ts';
export type { Page } from './page.ts';
export {
  type ContinueForm,
  continueRefusedPage,
  LEAST_REASON,
  MOST_REASON,
  type PageReader,
  reasonMissingPage,
  sendAgainPage,
} from './continue-form.ts';
export { loadLook } from './templates/load-look.ts';
export type { Look } from './templates/look.ts';
