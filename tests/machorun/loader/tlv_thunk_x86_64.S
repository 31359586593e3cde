/* void *tlv_thunk(struct tlv_descriptor *): descriptor in rdi, result in rax; keeps all other registers. */
#if defined(__x86_64__)
        .text
        .globl  tlv_thunk
        .type   tlv_thunk, @function
tlv_thunk:
        movq    8(%rdi), %rax           /* key */
        movq    %gs:0(,%rax,8), %rax
        testq   %rax, %rax
        je      first_touch
        addq    16(%rdi), %rax          /* offset */
        ret
/* The called C code keeps rbx, rbp and r12 to r15. Of the vector registers fxsave keeps the 16 bytes that it, the C
   library and what they call may use; instructions of SSE leave the rest as it is. */
first_touch:
        pushq   %rbp
        movq    %rsp, %rbp
        andq    $-64, %rsp
        subq    $640, %rsp
        movq    %rcx, 0(%rsp)
        movq    %rdx, 8(%rsp)
        movq    %rsi, 16(%rsp)
        movq    %rdi, 24(%rsp)
        movq    %r8, 32(%rsp)
        movq    %r9, 40(%rsp)
        movq    %r10, 48(%rsp)
        movq    %r11, 56(%rsp)
        fxsave64 64(%rsp)
        call    tlv_first_touch
        fxrstor64 64(%rsp)
        movq    0(%rsp), %rcx
        movq    8(%rsp), %rdx
        movq    16(%rsp), %rsi
        movq    24(%rsp), %rdi
        movq    32(%rsp), %r8
        movq    40(%rsp), %r9
        movq    48(%rsp), %r10
        movq    56(%rsp), %r11
        movq    %rbp, %rsp
        popq    %rbp
        ret
        .size   tlv_thunk, .-tlv_thunk
        .section .note.GNU-stack, "", @progbits
#endif
