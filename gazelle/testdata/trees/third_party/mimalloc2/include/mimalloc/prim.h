#pragma once
#ifndef MI_PRIM_H
#define MI_PRIM_H

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define MI_HAS_TLS_SLOT 1
#endif

extern mi_decl_hidden mi_decl_thread mi_heap_t* _mi_heap_default;

#if defined(MI_MALLOC_OVERRIDE)
#if defined(__APPLE__)
  #define MI_TLS_SLOT  89
#elif defined(__OpenBSD__)
  #define MI_TLS_PTHREAD_SLOT_OFS  8
#endif
#endif

#if MI_TLS_SLOT
static inline mi_heap_t* mi_prim_get_default_heap(void) {
  return (mi_heap_t*)mi_prim_tls_slot(MI_TLS_SLOT);
}
#elif defined(MI_TLS_PTHREAD_SLOT_OFS)
static inline mi_heap_t* mi_prim_get_default_heap(void) {
  return *mi_pthread_slot(MI_TLS_PTHREAD_SLOT_OFS);
}
#else
static inline mi_heap_t* mi_prim_get_default_heap(void) {
  #if defined(MI_TLS_RECURSE_GUARD)
  if (mi_unlikely(!_mi_process_is_initialized)) return _mi_heap_main_get();
  #endif
  return _mi_heap_default;
}
#endif

#endif
