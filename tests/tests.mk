# SPDX-License-Identifier: GPL-2.0-only
# The tests. Every suite prints TAP; tests/run.sh adds them up. Unit tests need no root, all others do.

TEST_LIBS := cmocka
UNIT_SUITES := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
INTEGRATION_SUITES := $(patsubst tests/integration/%.c,$(B)/tests/integration/%,$(sort $(wildcard tests/integration/test_*.c)))
TEST_PROGRAMS := $(patsubst tests/programs/%.c,$(P)/tests/programs/%,$(sort $(wildcard tests/programs/*.c)))
CXX := $(if $(filter default undefined,$(origin CXX)),g++,$(CXX))
CXX_PROGRAMS := $(patsubst tests/programs/%.cc,$(P)/tests/programs/%,$(sort $(wildcard tests/programs/*.cc)))
# Ways to be linked with a libc; musl-gcc is for this machine alone.
LIBC_WAYS := static static-pie $(if $(CROSS),,musl musl-static)
EXERCISES := $(P)/tests/programs/exercise $(LIBC_WAYS:%=$(P)/tests/programs/exercise-%)
CLI_SUITES := $(sort $(wildcard tests/cli/test_*.py))
PROOF_SUITES := $(sort $(wildcard tests/proof/test_*.py))
PROOF := $(P)/tests/proof
PROVER := $(B)/tests/proof/prover
# x86-64 alone: elsewhere every probe sits on a function's first instruction
PROOF_PROGRAMS := $(if $(filter x86_64,$(ARCH)),$(PROVER) $(PROOF)/caller $(PROOF)/caller.o)
HEAP_SUITES := $(sort $(wildcard tests/heap/test_*.py))
HEAP := $(P)/tests/heap
HEAP_READER := $(B)/tests/heap/reader
HEAP_TARGETS := $(HEAP)/target $(LIBC_WAYS:%=$(HEAP)/target-%)
HEAP_PROGRAMS := $(HEAP_READER) $(HEAP_TARGETS) $(HEAP)/target.o $(HEAP)/target-musl.o
GO_SUITES := $(sort $(wildcard tests/go/test_*.py))
GO_PROGRAMS := $(B)/tests/go/reader $(B)/tests/go/disturb
PRELOAD_SUITES := $(sort $(wildcard tests/preload/test_*.py))
PRELOAD := $(P)/tests/preload
PRELOAD_PROGRAMS := $(patsubst %,$(PRELOAD)/%,target target-linked target-whole target-early target-static target-musl stall costs libmemgap-trim-musl.so)
SOAK_SUITES := $(sort $(wildcard tests/soak/test_*.py))
FAULTS_SUITES := $(sort $(wildcard tests/faults/test_*.py))
# what a memgap of theirs calls in place of libc's
FAULTY := malloc calloc realloc reallocarray strdup strndup asprintf getline mmap fopen fdopen fopencookie opendir fdopendir open openat fcntl \
	epoll_create1 eventfd timerfd_create signalfd inotify_init1 pipe2 socket syscall fork clone posix_spawn pthread_create sigaction
FAULTY_MEMGAP := $(B)/tests/faults/memgap
PAGE_SUITES := $(sort $(wildcard tests/page/test_*.py))
NAMES_PROGRAM := $(B)/tests/container/names
CONTAINER_SUITES := $(sort $(wildcard tests/container/test_*.py))
VM_SUITES := tests/vm/test_machine.py tests/vm/test_suites.py

.PHONY: check check-all programs check-unit check-integration check-cli check-proof check-heap check-go check-preload check-page check-faults check-container check-vm vm-check
check: ## all tests (root; installs what is missing)
	$(Q)tests/deps.sh all
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) programs
	$(Q)$(MAKE) --no-print-directory check-all

programs: all $(NAMES_PROGRAM) $(UNIT_SUITES) $(INTEGRATION_SUITES) $(TEST_PROGRAMS) $(CXX_PROGRAMS) $(PROOF_PROGRAMS) $(HEAP_PROGRAMS) $(GO_PROGRAMS) \
	$(PRELOAD_PROGRAMS) $(EXERCISES) $(FAULTY_MEMGAP)

# Those that measure time, keep the machine busy, or have a translator begin, to which all probes for everyone yield, come first, while nothing else runs.
# The others go by what they probe: those that are together put no probes on what others use. The fuzzers have what the cores have left, the soak little more.
TIMED_SUITES := $(patsubst %,tests/cli/test_%.py,speed trim_latency governor serve_prometheus verdicts trim_signals translators) $(B)/tests/integration/test_gate_race
TOGETHER_SUITES := $(VM_SUITES) $(GO_SUITES) $(CONTAINER_SUITES) $(PRELOAD_SUITES) $(FAULTS_SUITES) $(PAGE_SUITES) $(HEAP_SUITES) $(PROOF_SUITES) \
	tests/cli/test_top.py $(UNIT_SUITES)
check-all: programs
	$(Q)tests/prepare.sh
	$(Q)FUZZ_SECONDS=60 FAULTS=$(or $(FAULTS),0.7) tests/run.sh tests/layers.sh tests/run_test.sh $(TIMED_SUITES) --beside tests/fuzz/test_fuzz.py $(SOAK_SUITES) \
		--alone $(filter-out $(TIMED_SUITES) $(TOGETHER_SUITES),$(INTEGRATION_SUITES) $(CLI_SUITES)) --together $(TOGETHER_SUITES)

check-unit: $(UNIT_SUITES) ## cmocka tests of the pure functions (no root)
	$(Q)tests/run.sh tests/layers.sh tests/run_test.sh $(UNIT_SUITES)

check-integration: all $(INTEGRATION_SUITES) $(TEST_PROGRAMS) ## counters against the truth, on the real kernel (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(INTEGRATION_SUITES)

check-cli: all $(TEST_PROGRAMS) $(CXX_PROGRAMS) $(EXERCISES) ## the command line from end to end (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(CLI_SUITES)

check-proof: $(PROOF_PROGRAMS) ## each place that is probed, on the libraries of several Debian releases (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(PROOF_SUITES)
	$(Q)grep '^# |' build/tests/test_proof.py.log

check-heap: $(HEAP_PROGRAMS) $(EXERCISES) $(TEST_PROGRAMS) ## what is read of heaps from outside, on the glibc of several Debian releases (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(HEAP_SUITES)

check-go: $(GO_PROGRAMS) ## what is read of Go programs from outside, against runtime.ReadMemStats(), from Go 1.19 to the newest (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(GO_SUITES)

check-preload: all $(PRELOAD_PROGRAMS) ## libmemgap-trim: programs and servers give memory back at a signal, and notice nothing else (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(PRELOAD_SUITES)
	$(Q)grep '^# ' build/tests/test_preload.py.log

check-page: all ## the live page and the report in headless Chromium; screenshots in build/screenshots (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(PAGE_SUITES)

check-faults: all $(TEST_PROGRAMS) $(FAULTY_MEMGAP) ## memgap killed, short of everything, and with odd targets: nothing is harmed, left behind, or lost unsaid; FAULTS=5: more of it (root)
	$(Q)tests/prepare.sh
	$(Q)SECONDS_PER_SUITE=3600 tests/run.sh $(FAULTS_SUITES)

.PHONY: soak
soak: all $(TEST_PROGRAMS) $(EXERCISES) ## HOURS=0.5 of processes that come and go: memgap takes no more than before, and every figure stays right (root)
	$(Q)tests/prepare.sh
	$(Q)SOAK_SECONDS=$$(awk 'BEGIN { print $(or $(HOURS),0.5) * 3600 }') SECONDS_PER_SUITE=$$(awk 'BEGIN { print $(or $(HOURS),0.5) * 3600 + 900 }') \
		tests/run.sh $(SOAK_SUITES)
	$(Q)grep '^# ' build/tests/test_soak.py.log

.PHONY: verdicts
verdicts: all ## how often the verdict is right: RUNS=200 random runs, in ten minutes (root)
	$(Q)tests/prepare.sh
	$(Q)tests/verdicts/confusion.py $(or $(RUNS),200) $(SEED)

check-container: all $(NAMES_PROGRAM) ## a container watched by a sidecar, and named by its engine (root, Podman)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(CONTAINER_SUITES)

# What the machine for arm64 runs, all of it cross-built.
.PHONY: check-arm64 arm64-tests
arm64-tests: all $(UNIT_SUITES) $(INTEGRATION_SUITES) $(TEST_PROGRAMS) $(EXERCISES) $(HEAP)/reader $(HEAP_TARGETS) $(GO_PROGRAMS)

check-arm64: arm64 ## memgap for arm64, in an emulated machine (root, QEMU; installs what is missing)
	$(Q)$(MAKE) --no-print-directory CROSS=aarch64 arm64-tests
	$(Q)tests/go/toolchains.py arm64
	$(Q)KERNEL="$(or $(KERNEL),6.1)" SECONDS_PER_SUITE=3600 tests/run.sh tests/vm/test_arm64.py

# two machines at a time: emulation takes a core each
check-vm vm-check: all $(GO_PROGRAMS) $(INTEGRATION_SUITES) $(TEST_PROGRAMS) $(CXX_PROGRAMS) $(EXERCISES) ## cgroup v2 and kernels from 5.10 to the newest, in virtual machines, KERNEL=6.12: one (root, QEMU)
	$(Q)KERNEL="$(or $(KERNEL),all)" MACHINES=2 SECONDS_PER_SUITE=3600 tests/run.sh $(VM_SUITES)

$(NAMES_PROGRAM): $(B)/tests/%: tests/%.c $(LIBRARY_OBJECTS) Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $< $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@

# not instrumented: it takes more arguments than it may have been given
$(O)/tests/faults/faulty.o: tests/faults/faulty.c Makefile tests/tests.mk
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) $(if $(SANITIZE),-DSANITIZED) -c $< -o $@

$(FAULTY_MEMGAP): $(O)/tests/faults/faulty.o $(USER_OBJECTS)
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) $(INSTRUMENTED) $(FAULTY:%=-Wl,--wrap=%) $^ $(USER_LIBS) -o $@

TEST_CFLAGS = $(USER_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(TEST_LIBS))

$(INTEGRATION_SUITES): tests/integration/exerciser.c
$(UNIT_SUITES) $(INTEGRATION_SUITES): $(B)/tests/%: tests/%.c $(LIBRARY_OBJECTS) Makefile tests/tests.mk
	@echo "  TEST    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(filter tests/%.c,$^) $(LIBRARY_OBJECTS) $(USER_LIBS) $(shell $(PKG_CONFIG) --libs $(TEST_LIBS)) -o $@

# its requests are its own, not the server's
$(B)/tests/unit/test_api: TEST_CFLAGS += -Wl,--wrap=http_parameter
# its memory can fail
$(B)/tests/unit/test_text_stream: TEST_CFLAGS += -Wl,--wrap=realloc
$(B)/tests/unit/test_json_read: TEST_CFLAGS += -Wl,--wrap=malloc
# its clock can be set
$(B)/tests/unit/test_worker: TEST_CFLAGS += -Wl,--wrap=clock_gettime

$(P)/tests/programs/loads_late: WAY := -Wl,-rpath,'$$ORIGIN/late'
$(TEST_PROGRAMS): $(P)/tests/programs/%: tests/programs/%.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) -fno-builtin $(if $(findstring preload,$@),-shared -fPIC) $< -o $@ -pthread $(WAY)

$(CXX_PROGRAMS): $(P)/tests/programs/%: tests/programs/%.cc Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -O1 -g -fno-builtin $(WARNINGS) $< -o $@

$(INTEGRATION_SUITES): | $(EXERCISES)
$(EXERCISES): $(P)/tests/programs/exercise%: $(wildcard tests/exercise/*.c tests/exercise/*.h) Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(findstring musl,$*),musl-gcc,$(CC)) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -fno-builtin -I. \
		$(filter %.c,$^) -o $@ -pthread $(if $(findstring static-pie,$*),-static-pie,$(if $(findstring static,$*),-static))

-include $(UNIT_SUITES:=.d) $(INTEGRATION_SUITES:=.d) $(TEST_PROGRAMS:=.d)

# The proof of the places that are probed: a program that needs no libc, and one that attaches to the library under it. Of loops gcc makes
# calls of memset() all the same, clang does not.
CALLER_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -I. -MD -MP -ffreestanding -fno-builtin -fno-stack-protector \
	$(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns) -fPIC -fvisibility=hidden
CALLER_OBJECTS := $(patsubst %,$(PO)/tests/proof/%.o,caller functions exercise start main)

$(CALLER_OBJECTS): $(PO)/%.o: %.c Makefile tests/tests.mk
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CALLER_CFLAGS) -c $< -o $@

# shared: else the linker would settle that symbols which no library has here are NULL
$(PROOF)/caller: $(filter-out %/main.o,$(CALLER_OBJECTS))
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -shared -Wl,-e,_start $^ -o $@

# to be linked with a libc, or another allocator and a libc
$(PROOF)/caller.o: $(filter-out %/start.o,$(CALLER_OBJECTS))
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -nostdlib -r $^ -o $@

$(PROVER): tests/proof/prover.c tests/proof/named.c $(LIBRARY_OBJECTS) $(B)/skeleton/prover.skel.h Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(filter tests/%.c,$^) $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@

-include $(CALLER_OBJECTS:.o=.d) $(PROVER).d

# The truth about heaps: a program that knows what it holds, and one that reads it from outside.
$(HEAP)/target.o $(HEAP)/target-musl.o: $(HEAP)/target%.o: tests/heap/target.c Makefile tests/tests.mk
	@echo "  CC      $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(findstring musl,$*),musl-gcc,$(CC)) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -Wno-deprecated-declarations \
		-U_FORTIFY_SOURCE -fno-builtin -fno-stack-protector -fno-pie -c $< -o $@

$(HEAP_TARGETS): $(HEAP)/target%: tests/heap/target.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(findstring musl,$*),musl-gcc,$(CC)) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -Wno-deprecated-declarations \
		-fno-builtin $< -o $@ -pthread $(if $(findstring pie,$*),-static-pie,$(findstring -static,$*))

$(HEAP_READER): tests/heap/reader.c $(LIBRARY_OBJECTS) Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $< $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@

$(GO_PROGRAMS): $(B)/tests/go/%: tests/go/%.c $(LIBRARY_OBJECTS) Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $< $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@

# libmemgap-trim: programs that it is preloaded into, and such that it is linked with.
PRELOAD_TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-builtin $(WARNINGS) -I. -pthread
# target.c refers to the library weakly, which alone takes nothing from an archive
$(PRELOAD)/target-whole: WAY := -Wl,--whole-archive $(P)/libmemgap-trim.a -Wl,--no-whole-archive
$(PRELOAD)/target-early: WAY := -DEARLY -Wl,-u,memgap_trim_start $(P)/libmemgap-trim.a
$(PRELOAD)/target-static: WAY := -static -Wl,-u,memgap_trim_start $(P)/libmemgap-trim.a
$(PRELOAD)/target-linked: WAY := -L$(P) -Wl,--no-as-needed -lmemgap-trim -Wl,-rpath,$(abspath $(P))
$(PRELOAD)/target $(PRELOAD)/target-musl $(PRELOAD)/stall: WAY := -rdynamic -Wl,-z,dynamic-undefined-weak

$(filter $(PRELOAD)/target%,$(PRELOAD_PROGRAMS)): tests/preload/target.c
$(PRELOAD)/stall $(PRELOAD)/costs: $(PRELOAD)/%: tests/preload/%.c
$(filter-out %.so,$(PRELOAD_PROGRAMS)): preload/memgap-trim.h $(P)/libmemgap-trim.so $(P)/libmemgap-trim.a Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(findstring musl,$@),musl-gcc,$(CC)) $(PRELOAD_TEST_CFLAGS) $(filter tests/%.c,$^) $(WAY) -o $@

$(PRELOAD)/libmemgap-trim-musl.so: preload/memgap-trim.c preload/memgap-trim.h Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)musl-gcc -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -I. -pthread -fPIC -fvisibility=hidden $(PRELOAD_LDFLAGS) $< -o $@

# BPF objects of the tests' own
TEST_BPF := floor prover
vpath %.bpf.c tests/bench tests/proof

$(TEST_BPF:%=$(O)/%.bpf.o): $(O)/%.bpf.o: %.bpf.c Makefile tests/tests.mk
	@echo "  BPF     $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -I. -c $< -o $@

$(TEST_BPF:%=$(B)/skeleton/%.skel.h): $(B)/skeleton/%.skel.h: $(O)/%.bpf.o
	@echo "  SKEL    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(call skeleton,$*_bpf)

-include $(TEST_BPF:%=$(O)/%.bpf.d)

# The benchmark: programs to measure on, and empty probes to measure against.
BENCH := $(B)/tests/bench
.PHONY: bench bench-programs
bench: ## what memgap costs, beside other tools (root; installs them; 3 minutes, QUICK=1: 40 s)
	$(Q)tests/deps.sh build
	$(Q)tests/deps.sh bench || echo "the benchmark goes on without what is missing" >&2
	$(Q)$(MAKE) --no-print-directory bench-programs
	$(Q)tests/prepare.sh
	$(Q)tests/bench/memleak.sh $(BENCH)/fetched/memleak
	$(Q)QUICK=$(QUICK) tests/bench/bench.py

bench-programs: all $(BENCH)/pairs $(BENCH)/floor $(P)/tests/programs/works $(HEAP_READER) $(HEAP)/target

$(BENCH)/pairs: tests/bench/pairs.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) -fno-builtin $< -o $@ -pthread

$(BENCH)/floor: tests/bench/floor.c $(LIBRARY_OBJECTS) $(B)/skeleton/floor.skel.h Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $< $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@

