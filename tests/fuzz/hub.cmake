# What the hub reads from strangers: fuzz_<name> is hub/<name>.c.
foreach(name client_message upgrade)
    osy_fuzz_target(fuzz_${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/hub/${name}.c LIBS hub_core)
endforeach()
