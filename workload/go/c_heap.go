// SPDX-License-Identifier: GPL-2.0-only

//go:build c_heap

package main

// #include <stdlib.h>
import "C"

// What C holds: the runtime knows nothing of it.
var _ = C.malloc(block)
