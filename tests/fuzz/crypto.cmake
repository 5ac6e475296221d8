# What must withstand forgers: fuzz_<name> is crypto/<name>.c. Their keys are made when they start.
foreach(name jwt tracking_token column_cipher)
    osy_fuzz_target(fuzz_${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/crypto/${name}.c LIBS osy_shared)
endforeach()
