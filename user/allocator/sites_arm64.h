/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sites.h for arm64, where the kernel simulates branches and ADR (arch/arm64/kernel/probes/decode-insn.c) and single-steps the
 * rest. Instructions are 4 bytes and aligned, so that a boundary is never in doubt. Arguments and the caller's address are in
 * registers, x0 to x2 and x30: the walk ends where one of them might be written. Pure, and tested on any machine.
 */
#ifndef MEMGAP_ALLOCATOR_SITES_ARM64_H
#define MEMGAP_ALLOCATOR_SITES_ARM64_H

#include "user/allocator/sites.h"

/* As sites_choose(). Wherever it is, nothing is pushed yet and each argument is in its own register. */
void arm64_sites_choose(const struct function_code *code, enum site_kind kind, struct sites *ret);

/* As branch_targets_scan(): all branches, short ones too. */
int arm64_branch_targets_scan(struct branch_targets *targets, const struct function_code *code);

/* Whether an instruction is a branch to a place that it names (a call too), and how many bytes from itself. */
bool arm64_branch_distance(uint32_t instruction, int64_t *ret);

/* Whether the code begins with BTI, where an indirect branch may land. */
bool arm64_has_landing(const struct function_code *code);

/* Where the call (BL) or the jump (B) at this place of the code leads to, in the file. */
bool arm64_call_target(const struct function_code *code, size_t at, uint64_t *ret_target);
bool arm64_jump_target(const struct function_code *code, size_t at, uint64_t *ret_target);

#endif
