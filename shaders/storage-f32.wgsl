// Prepended to every shader, unless storage-f16.wgsl is: what its buffers hold where they hold `real`.
alias real = f32;
alias real4 = vec4f;
