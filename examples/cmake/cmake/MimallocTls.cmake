# mimalloc_tls(TARGET...): lets targets of mimalloc's own CMake build compile with headers whose TLS model on Apple
# platforms is thread-local. The source tree stays as it is: a patched copy of its include directory takes the place of
# the original in the targets, and in what links them. A header that mimalloc-tls does not know fails the configure step.
#
# MIMALLOC_TLS is the program, looked for on PATH.

function(mimalloc_tls)
  find_program(MIMALLOC_TLS mimalloc-tls DOC "Gives mimalloc a thread-local heap pointer on Apple platforms")
  if(NOT MIMALLOC_TLS)
    message(FATAL_ERROR "mimalloc_tls: mimalloc-tls is not on PATH; install it, or set MIMALLOC_TLS to where it is")
  endif()
  foreach(target IN LISTS ARGN)
    if(NOT TARGET ${target})
      message(FATAL_ERROR "mimalloc_tls: ${target} is no target; expected one of mimalloc's, such as mimalloc-static")
    endif()
    get_target_property(source ${target} SOURCE_DIR)
    get_target_property(build ${target} BINARY_DIR)
    set(original "${source}/include")
    set(patched "${build}/mimalloc-tls/include")

    execute_process(
      COMMAND "${MIMALLOC_TLS}" patch --out "${patched}" "${original}"
      RESULT_VARIABLE result
      ERROR_VARIABLE message
      ERROR_STRIP_TRAILING_WHITESPACE)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${message}\nmimalloc-tls: ${result}")
    endif()
    if(message)
      message(STATUS "${message}")
    endif()

    # Another header, another configure step.
    file(GLOB_RECURSE headers "${original}/*")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers} "${MIMALLOC_TLS}")

    # With the original on the path too, it could win silently.
    foreach(property INCLUDE_DIRECTORIES INTERFACE_INCLUDE_DIRECTORIES)
      get_target_property(dirs ${target} ${property})
      if(dirs)
        string(REPLACE "${original}" "${patched}" dirs "${dirs}")
        set_target_properties(${target} PROPERTIES ${property} "${dirs}")
      endif()
    endforeach()
    get_target_property(dirs ${target} INCLUDE_DIRECTORIES)
    string(FIND "${dirs}" "${patched}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "mimalloc_tls: ${target} does not compile with ${original}; expected a target of mimalloc's own CMakeLists.txt")
    endif()
  endforeach()
endfunction()
