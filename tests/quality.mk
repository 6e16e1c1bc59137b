# SPDX-License-Identifier: GPL-2.0-only
# What finds faults that no test was written for: other compilers, analyzers, valgrind; and what the tests leave out.
# `make check SANITIZE=address,undefined` is the tests with sanitizers; tests/lib/sanitized.py says what it leaves out.

STATIC := build/static
# all but what is another's, and what comes from a generator
STATIC_SOURCES := $(wildcard user/*.c user/*/*.c preload/*.c workload/*.c tests/*/*.c)
STATIC_BPF := $(sort $(wildcard bpf/*.bpf.c tests/*/*.bpf.c))
STATIC_HEADERS := $(wildcard user/*/*.h bpf/*.h preload/*.h workload/*.h tests/*/*.h)
STATIC_SOURCES := $(filter-out $(STATIC_BPF),$(STATIC_SOURCES))
TIDY := $(patsubst %,$(STATIC)/tidy/%.ok,$(STATIC_SOURCES) $(STATIC_BPF))
TIDY_CFLAGS = $(TEST_CFLAGS) -DPAGE_FOLDER='"$(P)/page"' -DREPORTS='""'
SCRIPTS = $(shell grep -rlE '^.!/.*\b(ba)?sh$$' .ci deploy tests user vmlinux --exclude-dir=__pycache__)

.PHONY: check-static static-build static-clang static-scripts static-tidy static-cppcheck
check-static: ## gcc, clang, clang-tidy with clang's analyzer, cppcheck, shellcheck, pyflakes: nothing to say (installs them)
	$(Q)tests/deps.sh quality
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)$(MAKE) --no-print-directory static-clang
	$(Q)$(MAKE) --no-print-directory static-scripts static-cppcheck
	$(Q)$(MAKE) --no-print-directory -j $$(nproc) static-tidy

# apart, as make goes by times and not by compilers
static-clang:
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) CXX=$(CLANG)++ P=build/clang programs

static-scripts:
	shellcheck --external-sources $(SCRIPTS)
	pyflakes3 tests

static-cppcheck: | $(SKELETON)
	$(Q)mkdir -p $(STATIC)/cppcheck
	cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability --std=c11 --platform=unix64 \
		--library=posix,gnu --inline-suppr --suppressions-list=tests/cppcheck.txt --cppcheck-build-dir=$(STATIC)/cppcheck -j $$(nproc) \
		-D_GNU_SOURCE -D__linux__ -D__x86_64__ -D'LIBBPF_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }' \
		$(addprefix --include=,$(wildcard /usr/include/*/sys/queue.h)) -I. $(STATIC_SOURCES)

# -fms-extensions has clang-tidy 14 compare a name of a file with another that stands where the name has been
TIDY_BPF := --checks=-readability-duplicate-include
static-tidy: $(TIDY)
$(TIDY): | $(SKELETON) $(OWN_SKELETONS) $(TEST_BPF:%=$(B)/skeleton/%.skel.h) $(P)/page/page.html
$(TIDY): $(STATIC)/tidy/%.ok: % .clang-tidy $(STATIC_HEADERS)
	@echo "  TIDY    $<"
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet $(if $(filter %.bpf.c,$<),$(TIDY_BPF)) $< -- $(if $(filter %.bpf.c,$<),$(BPF_CFLAGS) -I.,$(TIDY_CFLAGS)) >$@.said 2>&1 || { cat $@.said; false; }
	$(Q)mv $@.said $@

.PHONY: check-valgrind
VALGRIND := valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
	--suppressions=tests/valgrind.supp --log-file=$(B)/reports/valgrind.%p
# Those that need pidfd_open(2), openat2(2) or a clone(2) of their own, which valgrind 3.19 has not, run themselves again, look at what
# the kernel has of them, which is valgrind, or have their faults handled, which it does itself.
NOT_UNDER_VALGRIND := $(patsubst %,$(B)/tests/unit/test_%,act command exec exec_inherits needed other pid pressure_offer pressure_tell root runtime runtime_find shielded thread)
check-valgrind: ## the unit tests under valgrind's memcheck: no error, no leak (installs it)
	$(Q)tests/deps.sh quality
	$(Q)$(MAKE) --no-print-directory $(UNIT_SUITES)
	$(Q)UNDER="$(VALGRIND)" tests/run.sh --together $(filter-out $(NOT_UNDER_VALGRIND),$(UNIT_SUITES))

.PHONY: coverage coverage-run
coverage: ## which lines of user/ the tests run, by folder; build/coverage/html has each (root)
	$(Q)tests/deps.sh quality
	$(Q)$(MAKE) --no-print-directory COVERAGE=1 coverage-run

# Who has given up being root may write what it has run, too, into the files that the first run makes.
coverage-run: programs
	$(Q)tests/prepare.sh
	$(Q)lcov --quiet --zerocounters --directory $(O)/user
	$(Q)$(B)/memgap --version
	$(Q)find $(O)/user -name '*.gcda' -exec chmod a+w {} +
	$(Q)rm -f $(B)/failed
	$(Q)tests/run.sh $(UNIT_SUITES) $(INTEGRATION_SUITES) $(CLI_SUITES) $(HEAP_SUITES) $(GO_SUITES) $(PAGE_SUITES) || touch $(B)/failed
	$(Q)lcov --quiet --capture --directory $(O)/user --output-file $(B)/all.info
	$(Q)lcov --quiet --extract $(B)/all.info '$(CURDIR)/user/*' --output-file $(B)/coverage.info
	$(Q)genhtml --quiet --output-directory $(B)/html $(B)/coverage.info
	$(Q)tests/lib/coverage.py <$(B)/coverage.info
	$(Q)[ ! -e $(B)/failed ] # told last, as what was run is known all the same

.PHONY: check-release
check-release: ## PARTS="static soak" of it, or all: the tests, more of each fault, all kernels, arm64, sanitizers, valgrind, analyzers, half an hour of soak (root)
	$(Q)tests/release.sh $(PARTS)
