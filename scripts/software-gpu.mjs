// The environment in which Dawn finds SwiftShader, the software Vulkan driver inside @sparticuz/chromium.
export async function softwareGpuEnvironment() {
  return {};
}
