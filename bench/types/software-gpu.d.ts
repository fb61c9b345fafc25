declare module '*/scripts/software-gpu.mjs' {
  export function softwareGpuEnvironment(): Promise<Record<string, string>>;
}
