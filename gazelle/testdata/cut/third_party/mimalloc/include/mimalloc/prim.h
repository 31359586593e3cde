#pragma once
#ifndef MI_PRIM_H
#define MI_PRIM_H

#if defined(_WIN32) || defined(__GNUC__)
static inline void* mi_prim_tls_slot(size_t slot) {
  #if defined(__x86_64__) || defined(__aarch64__)
  return thread_slots()[slot];
  #else
    #define MI_HAS_TLS_SLOT 0
  return NULL;
  #endif
}

#ifndef MI_HAS_TLS_SLOT
#define MI_HAS_TLS_SLOT 1
#endif
#endif

#if defined(_WIN32)
  #define MI_TLS_MODEL_DYNAMIC_WIN32       1
#elif defined(__APPLE__) && MI_HAS_TLS_SLOT && !defined(__POWERPC__)  // 64-bit
  #define MI_TLS_MODEL_FIXED_SLOT          1
  #define MI_TLS_MODEL_FIXED_SLOT_DEFAULT  108
  #define MI_TLS_MODEL_FIXED_SLOT_CACHED   109
#elif defined(__APPLE__) || defined(__OpenBSD__) || defined(__ANDROID__)
  #define MI_TLS_MODEL_DYNAMIC_PTHREADS    1
#else
  #define MI_TLS_MODEL_THREAD_LOCAL        1
#endif

static inline mi_theap_t* __mi_theap_empty(void) {
  #if __GNUC__
  __asm("");
  return (mi_theap_t*)&_mi_theap_empty;
  #else
  return _mi_theap_empty_get();
  #endif
}

#if MI_TLS_MODEL_THREAD_LOCAL
extern mi_decl_hidden mi_decl_thread mi_theap_t* __mi_theap_default;
extern mi_decl_hidden mi_decl_thread mi_theap_t* __mi_theap_cached;

static inline mi_theap_t* _mi_theap_default(void) {
  #if defined(MI_TLS_RECURSE_GUARD)
  if (mi_unlikely(!_mi_process_is_initialized)) return _mi_theap_empty_get();
  #endif
  return __mi_theap_default;
}

static inline mi_theap_t* _mi_theap_cached(void) {
  return __mi_theap_cached;
}
#elif MI_TLS_MODEL_FIXED_SLOT
static inline mi_theap_t* _mi_theap_default(void) {
  return (mi_theap_t*)mi_prim_tls_slot(MI_TLS_MODEL_FIXED_SLOT_DEFAULT);
}
#endif

#endif
