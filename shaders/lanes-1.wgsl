// Prepended to the shaders that are written once for numbers and for vectors of four: here they go number by number.

alias Numbers = f32;
alias TwoSums = vec2f; // of Numbers each, [0] and [1]
