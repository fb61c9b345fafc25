// Prepended to the shaders that are written once for numbers and for vectors of four: here they go by vectors, so that
// a thread moves 16 bytes at once and finds its channels once for four. Lengths and channels count vectors then.

alias Numbers = vec4f;
alias TwoSums = mat2x4f; // of Numbers each, [0] and [1]
