# SPDX-License-Identifier: GPL-2.0-only
# The tests. Every suite prints TAP; tests/run.sh adds them up. Unit tests need no root, all others do.

TEST_LIBS := cmocka
UNIT_SUITES := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
INTEGRATION_SUITES := $(patsubst tests/integration/%.c,$(B)/tests/integration/%,$(sort $(wildcard tests/integration/test_*.c)))
TEST_PROGRAMS := $(patsubst tests/programs/%.c,$(B)/tests/programs/%,$(sort $(wildcard tests/programs/*.c)))
CLI_SUITES := $(sort $(wildcard tests/cli/test_*.py))
CONTAINER_SUITES := $(sort $(wildcard tests/container/test_*.py))

.PHONY: check check-all check-unit check-integration check-cli check-container
check: ## all tests (root; installs what is missing)
	$(Q)tests/deps.sh all
	$(Q)$(MAKE) --no-print-directory check-all

check-all: all $(UNIT_SUITES) $(INTEGRATION_SUITES) $(TEST_PROGRAMS)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh tests/layers.sh $(UNIT_SUITES) $(INTEGRATION_SUITES) $(CLI_SUITES) $(CONTAINER_SUITES)

check-unit: $(UNIT_SUITES) ## cmocka tests of the pure functions (no root)
	$(Q)tests/run.sh tests/layers.sh $(UNIT_SUITES)

check-integration: all $(INTEGRATION_SUITES) $(TEST_PROGRAMS) ## counters against the truth, on the real kernel (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(INTEGRATION_SUITES)

check-cli: all $(TEST_PROGRAMS) ## the command line from end to end (root)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(CLI_SUITES)

check-container: all ## a container watched by a sidecar (root, Podman)
	$(Q)tests/prepare.sh
	$(Q)tests/run.sh $(CONTAINER_SUITES)

TEST_CFLAGS = $(USER_CFLAGS) $(shell $(PKG_CONFIG) --cflags $(TEST_LIBS)) -Wno-conversion

$(INTEGRATION_SUITES): tests/integration/exerciser.c
$(UNIT_SUITES) $(INTEGRATION_SUITES): $(B)/tests/%: tests/%.c $(LIBRARY_OBJECTS) Makefile tests/tests.mk
	@echo "  TEST    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(filter tests/%.c,$^) $(LIBRARY_OBJECTS) $(USER_LIBS) $(shell $(PKG_CONFIG) --libs $(TEST_LIBS)) -o $@

$(TEST_PROGRAMS): $(B)/tests/programs/%: tests/programs/%.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) -fno-builtin $(if $(findstring preload,$@),-shared -fPIC) $< -o $@ -pthread

# The exerciser for each way to be linked with a libc.
EXERCISES := $(patsubst %,$(B)/tests/programs/exercise-%,static static-pie musl musl-static)
$(INTEGRATION_SUITES): | $(EXERCISES)
$(EXERCISES): $(B)/tests/programs/exercise-%: tests/programs/exercise.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(if $(findstring musl,$*),musl-gcc,$(CC)) -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-builtin $< -o $@ -pthread \
		$(if $(findstring static-pie,$*),-static-pie,$(if $(findstring static,$*),-static))

-include $(UNIT_SUITES:=.d) $(INTEGRATION_SUITES:=.d) $(TEST_PROGRAMS:=.d)

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

bench-programs: all $(BENCH)/pairs $(BENCH)/floor

$(BENCH)/pairs: tests/bench/pairs.c Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON_CFLAGS) -fno-builtin $< -o $@ -pthread

$(O)/floor.bpf.o: tests/bench/floor.bpf.c Makefile
	@echo "  BPF     $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/skeleton/floor.skel.h: $(O)/floor.bpf.o
	@echo "  SKEL    $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name floor_bpf >$@

$(BENCH)/floor: tests/bench/floor.c $(LIBRARY_OBJECTS) $(B)/skeleton/floor.skel.h Makefile tests/tests.mk
	@echo "  PROGRAM $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $< $(LIBRARY_OBJECTS) $(USER_LIBS) -o $@
