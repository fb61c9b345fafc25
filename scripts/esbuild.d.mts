import type { BuildOptions } from 'esbuild';

export function common(platform: 'node' | 'browser'): BuildOptions;
