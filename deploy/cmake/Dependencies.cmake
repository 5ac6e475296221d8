# Every library by one name: deps::lws hiredis hiredis_ssl llhttp uv pq crypto ssl jansson curl cmocka xcrypt oath utf8proc.
# Imported targets, so their headers are system headers and our warnings stay ours.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)

# pkg_dependency(<name> <pkg-config module>)
function(pkg_dependency name module)
    pkg_check_modules(PKG_${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
    add_library(deps::${name} ALIAS PkgConfig::PKG_${name})
endfunction()

pkg_dependency(uv "libuv>=1.44")
pkg_dependency(pq libpq)
pkg_dependency(jansson "jansson>=2.14")
pkg_dependency(curl "libcurl>=7.88")
pkg_dependency(cmocka cmocka)
pkg_dependency(xcrypt "libxcrypt>=4.4")
pkg_dependency(oath "liboath>=2.6")
pkg_dependency(utf8proc "libutf8proc>=2.5")
add_library(deps::crypto INTERFACE IMPORTED)
target_link_libraries(deps::crypto INTERFACE OpenSSL::Crypto)
add_library(deps::ssl INTERFACE IMPORTED)
target_link_libraries(deps::ssl INTERFACE OpenSSL::SSL OpenSSL::Crypto)

if(ORDERSYNC_SYSTEM_DEPS)
    pkg_dependency(lws "libwebsockets>=4.3.5")
    pkg_dependency(hiredis "hiredis>=1.2")
    pkg_dependency(hiredis_ssl "hiredis_ssl>=1.2")
    pkg_dependency(llhttp "libllhttp>=9.2")
    return()
endif()

set(prefix "${ORDERSYNC_DEPS_PREFIX}")
if(NOT prefix)
    execute_process(COMMAND ${PROJECT_SOURCE_DIR}/deploy/deps/install --print-prefix
        OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS ${prefix}/versions)
    message(FATAL_ERROR "No libraries in ${prefix}: run deploy/deps/install")
endif()

# prefix_dependency(<name> <archive> LINKS <what the archive needs>...)
function(prefix_dependency name archive)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINKS")
    # A STATIC target, not a path: only so does CMake put what it needs behind it on the link line.
    add_library(deps::${name} STATIC IMPORTED GLOBAL)
    set_target_properties(deps::${name} PROPERTIES
        IMPORTED_LOCATION ${prefix}/lib/${archive}
        INTERFACE_INCLUDE_DIRECTORIES ${prefix}/include
        INTERFACE_LINK_LIBRARIES "${arg_LINKS}")
endfunction()

prefix_dependency(lws libwebsockets.a LINKS deps::uv cap Threads::Threads m)
prefix_dependency(hiredis libhiredis.a LINKS "")
prefix_dependency(hiredis_ssl libhiredis_ssl.a LINKS deps::hiredis deps::ssl)
prefix_dependency(llhttp libllhttp.a LINKS "")
