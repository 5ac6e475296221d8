# What the load generator reads by the thousand: fuzz_<name> is loadtest/<name>.c.
foreach(name scan)
    osy_fuzz_target(fuzz_${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/loadtest/${name}.c LIBS load_core)
endforeach()
