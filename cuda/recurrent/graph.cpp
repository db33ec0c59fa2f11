// SPDX-License-Identifier: MIT
// The launches of a pass as a CUDA graph: one launch instead of T products and T kernels.
#include "../runtime.hpp"

#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

/// Two lengths of sequences, or those of training and evaluation, alternate; more would hold memory for little.
constexpr std::size_t kMostEntries = 4;

void destroy(CUgraphExec_st* executable) {
  if (executable) cudaGraphExecDestroy(executable);
}

}  // namespace

GraphCache::~GraphCache() {
  for (const Entry& entry : entries_) destroy(entry.executable);
}

std::uint64_t GraphCache::context_number() { return context().number; }

bool GraphCache::caller_captures() { return is_captured(context().stream); }

void GraphCache::launch(CUgraphExec_st* executable) {
  check(cudaGraphLaunch(executable, context().stream), "cudaGraphLaunch");
}

void GraphCache::add(Entry entry) {
  if (entries_.size() == kMostEntries) {
    destroy(entries_.front().executable);
    entries_.erase(entries_.begin());
  }
  entries_.push_back(std::move(entry));
}

}  // namespace rondo::inline RONDO_ABI::cuda
