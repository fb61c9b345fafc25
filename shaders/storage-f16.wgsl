// Prepended in place of storage-f32.wgsl: buffers of `real` take half the bytes. Whoever reads one makes it an f32 at
// once, computes with that, and rounds what it writes.
enable f16;
alias real = f16;
alias real4 = vec4<f16>;
