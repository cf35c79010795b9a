// biome-ignore lint/style/noDefaultExport: Jest calls the default export.
export { stopServices as default } from './service.ts';
