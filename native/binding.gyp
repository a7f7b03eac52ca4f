# One target per instruction set, so that only its files are compiled with its flags; the addon links them all and
# chooses at load (src/kernels.cc). Flags are given for GCC and Clang (cflags_cc), Xcode and MSVC.
{
  # Sanitizers to build with, as GCC's -fsanitize takes them; none by default (test/run-sanitizers.mjs).
  "variables": {"net_io_sanitize%": ""},
  "target_defaults": {
    # node-addon-api lies beside a copy that is built (scripts/node-gyp.mjs), else where npm put it.
    "include_dirs": ["src", "node-addon-api", "node_modules/node-addon-api", "../node_modules/node-addon-api"],
    "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Wextra", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags": ["-fPIC"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
      "GCC_ENABLE_CPP_RTTI": "NO",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "11.0"
    },
    "msvs_settings": {
      "VCCLCompilerTool": {"AdditionalOptions": ["/std:c++17"], "Optimization": 2, "ExceptionHandling": 0}
    },
    "conditions": [
      # uv.h brings windows.h, whose macros min and max would take the place of std::min and std::max.
      ["OS=='win'", {"defines": ["NOMINMAX"]}],
      ["target_arch=='x64' or target_arch=='ia32'", {"defines": ["NET_IO_X86"]}],
      ["target_arch=='arm64'", {"defines": ["NET_IO_ARM64"]}],
      ["net_io_sanitize!=''", {
        # Lines for reports, and no more: to note every variable of the unrolled kernels takes longer than to compile them.
        "cflags_cc": ["-fsanitize=<(net_io_sanitize)", "-fno-sanitize-recover=all", "-O1", "-g1"],
        "cflags_cc!": ["-O3"],
        "ldflags": ["-fsanitize=<(net_io_sanitize)"],
        # Checks of every reference make the unrolled kernels compile for minutes. Their loads are unaligned by design.
        "target_conditions": [["_type=='static_library' and _target_name!='net_io_core'", {
          "cflags_cc": ["-fno-sanitize=null,object-size,alignment"]
        }]]
      }]
    ]
  },
  "targets": [
    {
      "target_name": "net_io",
      "sources": [
        "src/addon.cc",
        "src/file_io.cc",
        "src/shell/arguments.cc",
        "src/shell/buffer_list.cc",
        "src/shell/file_calls.cc",
        "src/shell/hash_calls.cc",
        "src/shell/job.cc",
        "src/shell/job_calls.cc",
        "src/shell/kernel_calls.cc",
        "src/shell/pinned_bytes.cc",
        "src/shell/xor_calls.cc"
      ],
      "dependencies": ["net_io_core", "net_io_portable"],
      "conditions": [
        ["target_arch=='x64' or target_arch=='ia32'", {
          "dependencies": ["net_io_sse41", "net_io_avx2", "net_io_avx512"]
        }],
        ["target_arch=='arm64'", {"dependencies": ["net_io_neon"]}],
        ["OS=='linux'", {"ldflags": ["-Wl,--exclude-libs,ALL"]}]
      ]
    },
    {
      "target_name": "net_io_core",
      "type": "static_library",
      "sources": ["src/cpu_features.cc", "src/kernels.cc", "src/blake3/tree.cc", "src/xor_stream/xor_stream.cc"]
    },
    {
      "target_name": "net_io_portable",
      "type": "static_library",
      "sources": ["src/blake3/portable.cc", "src/xor_stream/portable.cc"]
    }
  ],
  "conditions": [
    ["target_arch=='x64' or target_arch=='ia32'", {
      "targets": [
        {
          "target_name": "net_io_sse41",
          "type": "static_library",
          "sources": ["src/blake3/sse41.cc", "src/xor_stream/sse2.cc"],
          "cflags_cc": ["-msse4.1"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-msse4.1"]},
          # MSVC takes these intrinsics without a flag. clang-cl, which builds Node itself for Windows, does not.
          "conditions": [["clang==1", {"msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["-msse4.1"]}}}]]
        },
        {
          "target_name": "net_io_avx2",
          "type": "static_library",
          "sources": ["src/blake3/avx2.cc", "src/xor_stream/avx2.cc"],
          "cflags_cc": ["-mavx2"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx2"]},
          "msvs_settings": {"VCCLCompilerTool": {"EnableEnhancedInstructionSet": 5}}
        },
        {
          "target_name": "net_io_avx512",
          "type": "static_library",
          "sources": ["src/blake3/avx512.cc", "src/xor_stream/avx512.cc"],
          # GCC 12 warns about its own intrinsics' deliberately undefined operands.
          "cflags_cc": ["-mavx512f", "-mavx512vl", "-Wno-uninitialized", "-Wno-maybe-uninitialized"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["-mavx512f", "-mavx512vl"]},
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/arch:AVX512"]}}
        }
      ]
    }],
    ["target_arch=='arm64'", {
      "targets": [
        {
          "target_name": "net_io_neon",
          "type": "static_library",
          "sources": ["src/blake3/neon.cc", "src/xor_stream/neon.cc"]
        }
      ]
    }]
  ]
}
