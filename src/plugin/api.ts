// The public plugin API: what a plugin's default export is, what it may register, what it sees and returns.
// Built-in plugins use nothing else. Loading is loader.ts; blades and services are run by src/gateway, hooks by
// src/proxy/hooks.

export * from './api/authenticator.ts';
export * from './api/blade.ts';
export * from './api/hooks.ts';
export * from './api/panel.ts';
export * from './api/plugin.ts';
export * from './api/report.ts';
export * from './api/service.ts';
export * from './api/verdict.ts';
