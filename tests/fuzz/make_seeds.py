#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes those seeds that nobody would write by hand: ELF files with an allocator's symbols, the first bytes of real allocators'
functions, made-up Go programs. What it wrote is in tests/fuzz/seeds/; it need not be run again. Needs gcc, binutils, zstd."""
import os
import re
import struct
import subprocess
import sys
import tempfile

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")

# How real functions begin (FACTS of glibc 2.36, jemalloc 5.3, musl 1.2.5), and how they end.
BODIES = {
    "push": "push %r12\n push %rbp\n push %rbx\n pop %rbx\n pop %rbp\n pop %r12\n ret",
    "test": "test %rdi,%rdi\n je 1f\n push %rbp\n mov %rdi,%rbp\n pop %rbp\n1: ret",
    "header": "test %rdi,%rdi\n je 1f\n mov -8(%rdi),%rax\n test $15,%dil\n jne 1f\n push %rbx\n pop %rbx\n1: ret",
    "frame": "endbr64\n sub $24,%rsp\n mov %rdi,%rsi\n cmp $64,%rdi\n ja 2f\n add $24,%rsp\n ret\n2: call 1f\n add $24,%rsp\n1: ret",
    "loop": "mov %rdi,%rax\n1: dec %rax\n jne 1b\n push %rbp\n pop %rbp\n ret",
    "frees": "push %rbx\n mov %rdi,%rbx\n call free\n mov %rbx,%rdi\n call free\n pop %rbx\n ret",
}
FAMILY = ["malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"]


def function(name, body, before=""):
    return f".globl {before}{name}\n.type {before}{name},@function\n{before}{name}:\n.cfi_startproc\n {body}\n.cfi_endproc\n.size {before}{name},.-{before}{name}\n"


def family(before="", bodies=("push", "frame", "loop")):
    text = "".join(function(name, BODIES[bodies[i % len(bodies)]], before) for i, name in enumerate(FAMILY))
    return text + function("free", BODIES["test"], before)


def source(code, constants=""):
    return f".text\n{code}\n.section .rodata\n{constants}\n.section .note.GNU-stack,\"\",@progbits\n"


OPERATORS = function("_Znwm", "push %rbx\n call malloc@PLT\n pop %rbx\n jmp _ZnwmRKSt9nothrow_t@PLT") + \
    function("_ZnwmRKSt9nothrow_t", BODIES["push"]) + function("_ZdlPv", "jmp free@PLT") + function("_ZdlPvm", BODIES["test"]) + \
    function("_Znam", "jmp *%rax")

LIBRARIES = {
    "jemalloc": source(family() + OPERATORS + function("mallctl", "ret") + function("mallocx", BODIES["frame"]) + function("dallocx", BODIES["test"]),
                       '.asciz "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c"'),
    "prefixed": source(family("_rjem_") + function("mallctl", "ret", "_rjem_"), '.asciz "5.2.1-0-gea6b3e973b477b8061e0076bb257dbd7f3faa756"'),
    "tcmalloc": source(family("tc_") + OPERATORS + family() + function("tc_version", "ret"), '.asciz "gperftools 2.10"'),
    "mimalloc": source(family("mi_") + family() + function("mi_version", "mov $209,%eax\n ret") + function("mi_new", BODIES["push"])),
    "glibc": source(family() + function("cfree", BODIES["header"]) + function("gnu_get_libc_version", "ret") +
                    function("__libc_thread_freeres", BODIES["frees"]) + function("__call_tls_dtors", BODIES["push"]),
                    '.ascii "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\\n"'),
    "musl": source(family() + function("__libc_start_main", "ret"), '.asciz "musl libc (x86_64)\\nVersion %s\\n"\n.asciz "1.2.5"'),
    "circle": source(function("malloc", "jmp free@PLT") + function("free", "jmp malloc@PLT") + function("gnu_get_libc_version", "ret")),
    "wrapper": source(function("malloc", "jmp *%rax") + function("free", "jmp *%rax")),
    "forwarders": source(function("malloc", "jmp 3f\n3: jmp free_sized") + function("free", BODIES["header"]) +
                         function("free_sized", "endbr64\n jmp free@PLT") + function("calloc", "jmp malloc") +
                         function("gnu_get_libc_version", "ret"), '.ascii " release version 2.43."'),
}
PROGRAMS = {
    "static": source(family() + function("_start", "ret") + ".local main_arena\n.comm main_arena,16\n" +
                     ".type tcache_thread_shutdown,@function\ntcache_thread_shutdown:\n call free\n ret\n.size tcache_thread_shutdown,.-tcache_thread_shutdown\n",
                     '.ascii " release version 2.31."'),
    "static_musl": source(family() + function("_start", "ret") + ".globl __malloc_alloc_meta\n__malloc_alloc_meta: ret\n"),
}
SMALL = ["-nostdlib", "-Wl,-z,noseparate-code,-z,norelro,-z,max-page-size=4096", "-Wl,--build-id=none,--hash-style=sysv,--eh-frame-hdr"]


def write(target, name, data):
    os.makedirs(f"{SEEDS}/{target}", exist_ok=True)
    with open(f"{SEEDS}/{target}/{name}", "wb") as file:
        file.write(data)


def build(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/a.s", "w") as file:
            file.write(text)
        subprocess.run(["gcc", *SMALL, *options, f"{folder}/a.s", "-o", f"{folder}/a"], check=True)
        with open(f"{folder}/a", "rb") as file:
            return file.read()


def make_elves():
    for name, text in LIBRARIES.items():
        write("elf", name, build(text, "-shared", "-Wl,-Bsymbolic" if name == "glibc" else "-Wl,-Bdynamic", "-Wl,-s"))
    for name, text in PROGRAMS.items():
        write("elf", name, build(text, "-static"))
    write("elf", "script", b"#! /usr/bin/perl -w\nprint 1;\n")
    write("elf", "program", build(source(function("_start", "ret") + function("malloc", BODIES["push"])), "-pie",
                                  "-Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2"))


def functions_of(path):
    """Names, and the bytes of each function of the family."""
    listing = subprocess.run(["readelf", "-W", "--dyn-syms", path], capture_output=True, text=True, check=True).stdout
    segments = subprocess.run(["readelf", "-W", "-l", path], capture_output=True, text=True, check=True).stdout
    loads = [tuple(int(figure, 16) for figure in match) for match in re.findall(r"LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", segments)]
    with open(path, "rb") as file:
        data = file.read()
    for value, size, name in re.findall(r"\d+: (\w+) +(\d+) FUNC +GLOBAL +DEFAULT +\d+ (malloc|free|calloc|realloc|memalign)(?:@\S+)?$",
                                        listing, re.MULTILINE):
        address = int(value, 16)
        offset = next(at + address - start for at, start, length in loads if start <= address < start + length)
        yield name, data[offset:offset + min(int(size), 400)]


def make_sites(paths):
    for path in paths:
        for name, code in functions_of(path):
            kind = 3 if name == "free" else 0
            library = "musl" if "musl" in path else os.path.basename(path).split(".")[0]
            write("sites", f"{library}_{name}", bytes([kind | 4, 0xff]) + code)
    arm64 = bytes.fromhex("5f2403d5 fd7bbea9 fd030091 f30b00f9 600000b4 00000014 f30b40f9 fd7bc2a8 c0035fd6".replace(" ", ""))
    write("sites", "arm64", bytes([0x10, 0xff]) + arm64)


def pclntab(functions, text):
    """The table of functions of Go 1.20 and later: a name and an address each."""
    names = b"".join(name.encode() + b"\0" for name, _ in functions)
    names += b"\0" * (-len(names) % 8)
    table = 72 + len(names)
    entries = 8 * len(functions) + 4
    entries += -entries % 8
    body, name_at = b"", 0
    index = b""
    for i, (name, address) in enumerate(functions):
        index += struct.pack("<II", address, entries + 8 * i)
        body += struct.pack("<II", address, name_at)
        name_at += len(name) + 1
    index += struct.pack("<I", functions[-1][1] + 64)
    index += b"\0" * (entries - len(index))
    header = struct.pack("<IBBBBQQQQQQQQ", 0xfffffff1, 0, 0, 1, 8, len(functions), 0, text, 72, 0, 0, 0, table)
    return header + names + index + body


BUILD_INFO = b"\xff Go buildinf:" + b"\x08\x02" + b"\0" * 16 + b"\x08go1.22.3"
METHODS = ["runtime.(*gcControllerState).update", "runtime.(*gcControllerState).heapGoal", "runtime.(*consistentHeapStats).acquire",
           "runtime.(*consistentHeapStats).release", "runtime.main", "main.main"]


def go_code():
    """Methods, and a function of the runtime that calls them twice each: lea of the variable into rax, call."""
    calls = "".join(f" lea {variable}(%rip),%rax\n call m{method}\n" for _ in range(2) for method, variable in
                    ((0, "controller"), (1, "controller"), (2, "memstats"), (3, "memstats")))
    text = ".text\n.globl _start\n_start:\n"
    for i in range(len(METHODS)):
        text += f".balign 64\nm{i}:\n" + (calls if i == 4 else "") + " ret\n"
    return text


def go_program(*options, symbols=False, module=False, text=0x401000):
    # runtime.main has its calls in the 192 bytes before main.main
    places = [0, 64, 128, 192, 256, 448]
    table = pclntab(list(zip(METHODS, places)), 0 if module else text)
    listing = go_code()
    listing += ".section .gopclntab,\"a\"\n.balign 32\n" + "".join(f".byte {byte}\n" for byte in table)
    listing += ".section .go.buildinfo,\"aw\"\n.balign 16\n" + "".join(f".byte {byte}\n" for byte in BUILD_INFO)
    if module:
        listing += f".section .go.module,\"aw\"\n.balign 8\n.zero 176\n.quad {text}\n"
    controller, memstats = ('"runtime.gcController"', '"runtime.memstats"') if symbols else ("controller", "memstats")
    for name in (controller, memstats):
        listing += f".data\n.globl {name}\n{name}: .zero 64\n"
    listing = listing.replace("controller(%rip)", f"{controller}(%rip)").replace("memstats(%rip)", f"{memstats}(%rip)")
    return build(listing + ".section .note.GNU-stack,\"\",@progbits\n", *options)


def make_go():
    write("go_program", "symbols", go_program("-static", symbols=True))
    write("go_program", "stripped", go_program("-static", "-s", "-Wl,-Ttext=0x401000"))
    write("go_program", "module", go_program("-static", "-s", "-Wl,-Ttext=0x401000", module=True))
    write("go_program", "pie", go_program("-static-pie", "-s", "-Wl,-Ttext=0x1000", text=0x555555554000 + 0x1000))
    write("go", "build_info", b"\0" + BUILD_INFO)
    write("go", "table", b"\1" + pclntab(list(zip(METHODS, [0, 64, 128, 192, 256, 448])), 0x401000))
    code = bytes.fromhex("488d0500100000 e8f0ffffff 488d0d00000000 48b80000c00000000000 e800000000".replace(" ", ""))
    write("go", "code", b"\2" + code)
    for version in range(4):
        write("go", f"books_{version}", bytes([3, version]))
    write("go", "books_lie", bytes([3, 0]) + struct.pack("<HQ", 0x8000 + 272, 1 << 62))


if __name__ == "__main__":
    make_elves()
    make_sites(sys.argv[1:] or ["/lib/x86_64-linux-gnu/libc.so.6"])
    make_go()
