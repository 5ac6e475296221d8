# The language, the warnings, and what each kind of build adds. Applies to every target of ours.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# No -DNDEBUG: a broken assumption ends the process (and systemd starts it again) instead of
# corrupting an order.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

include_directories(${PROJECT_SOURCE_DIR})
add_compile_definitions(_GNU_SOURCE ORDERSYNC_VERSION="${PROJECT_VERSION}")
add_compile_options(-fno-omit-frame-pointer)

add_library(osy_warnings INTERFACE)
target_compile_options(osy_warnings INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror)
link_libraries(osy_warnings)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(ORDERSYNC_FAILPOINTS)
    add_compile_definitions(ORDERSYNC_FAILPOINTS=1)
endif()
if(ORDERSYNC_BUGS)
    add_compile_definitions(ORDERSYNC_BUGS=1)
endif()

if(ORDERSYNC_SANITIZE)
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=undefined)
    add_compile_options(${sanitize})
    add_link_options(${sanitize})
else()
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
    add_link_options(-Wl,-z,relro,-z,now)
endif()

if(ORDERSYNC_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "ORDERSYNC_FUZZ needs clang: cmake --preset fuzz")
    endif()
    # Instruments everything; only the fuzz targets link libFuzzer's main.
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
