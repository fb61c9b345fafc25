import type { Metafile } from 'esbuild';

export function buildExplorer(outdir?: string): Promise<Metafile>;
export function serveExplorer(options?: {
  outdir?: string;
  port?: number;
}): Promise<{ address: string; close(): void }>;
