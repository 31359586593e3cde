#pragma once
#ifndef MI_PRIM_TLS_H
#define MI_PRIM_TLS_H

#if !defined(MI_TLS_MODEL_LOCAL) && !defined(MI_TLS_MODEL_PTHREADS) && !defined(MI_TLS_MODEL_FIXED) && !defined(MI_TLS_MODEL_WIN32)
#if defined(_WIN32)
#define MI_TLS_MODEL_WIN32     1
#elif defined(__APPLE__) || defined(__OpenBSD__) || defined(__ANDROID__)
#define MI_TLS_MODEL_PTHREADS  1
#else
#define MI_TLS_MODEL_LOCAL     1
#endif
#endif

#if defined(__x86_64__) || defined(__aarch64__)
#define MI_HAS_TLS_SLOT  (1)
#endif

#if !defined(MI_TLS_RECURSE_GUARD) && MI_TLS_MODEL_LOCAL && defined(__APPLE__)
#define MI_TLS_RECURSE_GUARD 1
#endif

static inline mi_theap_t* __mi_theap_empty(void) {
  #if __GNUC__
  __asm("");
  return (mi_theap_t*)&_mi_theap_empty;
  #else
  return _mi_theap_empty_get();
  #endif
}

#if MI_TLS_MODEL_LOCAL
extern mi_decl_hidden mi_decl_thread mi_theap_t* __mi_theap_default;
extern mi_decl_hidden mi_decl_thread mi_theap_t* __mi_theap_cached;

extern mi_decl_hidden bool _mi_process_is_initialized;

static inline mi_theap_t* _mi_theap_default(void) {
  #if defined(MI_TLS_RECURSE_GUARD)
  if mi_unlikely(!_mi_process_is_initialized) return _mi_theap_empty_get();
  #endif
  return __mi_theap_default;
}

static inline mi_theap_t* _mi_theap_cached(void) {
  return __mi_theap_cached;
}
#elif MI_TLS_MODEL_FIXED
#if !defined(MI_TLS_MODEL_FIXED_DEFAULT)
  #define MI_TLS_MODEL_FIXED_DEFAULT  108
  #define MI_TLS_MODEL_FIXED_CACHED   109
#endif
#endif

#endif
