/* void *tlv_thunk(struct tlv_descriptor *): descriptor and result in x0; keeps all other registers but x16 and x17,
   which calls may change anyway. The slots are at TPIDR_EL0 here (slots.h). */
#if defined(__aarch64__)
        .text
        .globl  tlv_thunk
        .type   tlv_thunk, %function
tlv_thunk:
        ldr     x16, [x0, #8]           /* key */
        mrs     x17, tpidr_el0
        ldr     x17, [x17, x16, lsl #3]
        cbz     x17, first_touch
        ldr     x16, [x0, #16]          /* offset */
        add     x0, x17, x16
        ret
/* The called C code keeps x19 to x28. */
first_touch:
        sub     sp, sp, #656
        stp     x29, x30, [sp]
        mov     x29, sp
        stp     x1, x2, [sp, #16]
        stp     x3, x4, [sp, #32]
        stp     x5, x6, [sp, #48]
        stp     x7, x8, [sp, #64]
        stp     x9, x10, [sp, #80]
        stp     x11, x12, [sp, #96]
        stp     x13, x14, [sp, #112]
        stp     x15, x18, [sp, #128]
        stp     q0, q1, [sp, #144]
        stp     q2, q3, [sp, #176]
        stp     q4, q5, [sp, #208]
        stp     q6, q7, [sp, #240]
        stp     q8, q9, [sp, #272]
        stp     q10, q11, [sp, #304]
        stp     q12, q13, [sp, #336]
        stp     q14, q15, [sp, #368]
        stp     q16, q17, [sp, #400]
        stp     q18, q19, [sp, #432]
        stp     q20, q21, [sp, #464]
        stp     q22, q23, [sp, #496]
        stp     q24, q25, [sp, #528]
        stp     q26, q27, [sp, #560]
        stp     q28, q29, [sp, #592]
        stp     q30, q31, [sp, #624]
        bl      tlv_first_touch
        ldp     x1, x2, [sp, #16]
        ldp     x3, x4, [sp, #32]
        ldp     x5, x6, [sp, #48]
        ldp     x7, x8, [sp, #64]
        ldp     x9, x10, [sp, #80]
        ldp     x11, x12, [sp, #96]
        ldp     x13, x14, [sp, #112]
        ldp     x15, x18, [sp, #128]
        ldp     q0, q1, [sp, #144]
        ldp     q2, q3, [sp, #176]
        ldp     q4, q5, [sp, #208]
        ldp     q6, q7, [sp, #240]
        ldp     q8, q9, [sp, #272]
        ldp     q10, q11, [sp, #304]
        ldp     q12, q13, [sp, #336]
        ldp     q14, q15, [sp, #368]
        ldp     q16, q17, [sp, #400]
        ldp     q18, q19, [sp, #432]
        ldp     q20, q21, [sp, #464]
        ldp     q22, q23, [sp, #496]
        ldp     q24, q25, [sp, #528]
        ldp     q26, q27, [sp, #560]
        ldp     q28, q29, [sp, #592]
        ldp     q30, q31, [sp, #624]
        ldp     x29, x30, [sp]
        add     sp, sp, #656
        ret
        .size   tlv_thunk, .-tlv_thunk
        .section .note.GNU-stack, "", %progbits
#endif
