// SPDX-License-Identifier: MIT
// Stream capture, graphs, and calls that a capture does not allow.
#include "fixture.hpp"

using namespace host_cuda_test;

namespace {

__global__ void add(int* x, int value) { *x += value; }
__global__ void scale(int* x, int value) { *x *= value; }

Shape on(const Stream& stream) { return {.blocks = 1, .threads = 1, .stream = stream.handle}; }

/// x = (x + sum) * factor, captured. The caller destroys it.
cudaGraph_t capture(const Stream& stream, int* x, int sum, int factor, int times = 1) {
  REQUIRE_CUDA(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < times; ++i) {
    REQUIRE_CUDA(launch(on(stream), add, x, sum));
    REQUIRE_CUDA(launch(on(stream), scale, x, factor));
  }
  cudaStreamCaptureStatus status{};
  REQUIRE_CUDA(cudaStreamIsCapturing(stream.handle, &status));
  CHECK(status == cudaStreamCaptureStatusActive);
  cudaGraph_t graph = nullptr;
  REQUIRE_CUDA(cudaStreamEndCapture(stream.handle, &graph));
  REQUIRE_CUDA(cudaStreamIsCapturing(stream.handle, &status));
  CHECK(status == cudaStreamCaptureStatusNone);
  return graph;
}

TEST_CASE("a captured graph runs at each launch and not before") {
  const Fresh fresh;
  const Stream stream;
  const DeviceVector<int> x(std::vector<int>{1});
  cudaGraph_t graph = capture(stream, x.data(), 2, 3);
  REQUIRE_CUDA(cudaDeviceSynchronize());
  CHECK(x.host()[0] == 1);
  cudaGraphExec_t executable = nullptr;
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphLaunch(executable, stream.handle));
  REQUIRE_CUDA(cudaGraphLaunch(executable, stream.handle));
  CHECK(x.host()[0] == 1);

  graph = capture(stream, x.data(), 10, 1);  // a queued launch keeps the nodes that it had
  cudaGraphExecUpdateResultInfo info{};
  REQUIRE_CUDA(cudaGraphExecUpdate(executable, graph, &info));
  CHECK(info.result == cudaGraphExecUpdateSuccess);
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphLaunch(executable, stream.handle));
  REQUIRE_CUDA(cudaStreamSynchronize(stream.handle));
  CHECK(x.host()[0] == (((1 + 2) * 3 + 2) * 3 + 10) * 1);

  graph = capture(stream, x.data(), 1, 1, 2);
  CHECK(cudaGraphExecUpdate(executable, graph, &info) == cudaErrorGraphExecUpdateFailure);
  CHECK(info.result == cudaGraphExecUpdateErrorTopologyChanged);
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
}

TEST_CASE("streams that wait for a captured event join the capture and must be joined before it ends") {
  const Fresh fresh;
  const Stream a, b;
  const Event fork, join;
  const DeviceVector<int> x(std::vector<int>{1});
  const bool comes_back = GENERATE(true, false);
  REQUIRE_CUDA(cudaStreamBeginCapture(a.handle, cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(launch(on(a), add, x.data(), 2));
  REQUIRE_CUDA(cudaEventRecord(fork.handle, a.handle));
  REQUIRE_CUDA(cudaStreamWaitEvent(b.handle, fork.handle));
  REQUIRE_CUDA(launch(on(b), scale, x.data(), 3));
  REQUIRE_CUDA(cudaEventRecord(join.handle, b.handle));
  if (!comes_back) REQUIRE_CUDA(launch(on(b), scale, x.data(), 7));  // after the event that the origin waits for
  REQUIRE_CUDA(cudaStreamWaitEvent(a.handle, join.handle));
  REQUIRE_CUDA(launch(on(a), add, x.data(), 4));
  CHECK(cudaEventSynchronize(join.handle) == cudaErrorCapturedEvent);
  cudaGraph_t graph = nullptr;
  if (!comes_back) {
    CHECK(cudaStreamEndCapture(a.handle, &graph) == cudaErrorStreamCaptureUnjoined);
    CHECK(graph == nullptr);
    return;
  }
  REQUIRE_CUDA(cudaStreamEndCapture(a.handle, &graph));
  cudaGraphExec_t executable = nullptr;
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  REQUIRE_CUDA(cudaGraphLaunch(executable, b.handle));
  REQUIRE_CUDA(cudaStreamSynchronize(b.handle));
  CHECK(x.host()[0] == (1 + 2) * 3 + 4);
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
}

TEST_CASE("calls that cannot be captured fail and invalidate the capture") {
  const Fresh fresh;
  const Stream stream, blocking(cudaStreamDefault), other;
  const Event outside;
  const DeviceVector<int> x(std::vector<int>{1});
  REQUIRE_CUDA(cudaEventRecord(outside.handle, other.handle));
  int host = 0;
  void* memory = nullptr;
  const auto invalidates = [&](const Stream& captured, cudaError_t expected, auto&& forbidden) {
    REQUIRE_CUDA(cudaStreamBeginCapture(captured.handle, cudaStreamCaptureModeGlobal));
    CHECK(forbidden() == expected);
    CHECK(launch(on(captured), add, x.data(), 1) == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(captured.handle, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
  };
  const auto unsupported = cudaErrorStreamCaptureUnsupported;
  invalidates(stream, unsupported, [&] { return cudaStreamSynchronize(stream.handle); });
  invalidates(stream, unsupported, [&] { return cudaStreamQuery(stream.handle); });
  invalidates(stream, unsupported, [&] { return cudaDeviceSynchronize(); });
  invalidates(stream, unsupported, [&] { return cudaMalloc(&memory, 4); });
  invalidates(stream, unsupported, [&] { return cudaFree(x.data()); });
  invalidates(stream, unsupported,
              [&] { return cudaMemcpyAsync(x.data(), &host, sizeof host, cudaMemcpyHostToDevice, stream.handle); });
  invalidates(stream, cudaErrorStreamCaptureIsolation,
              [&] { return cudaStreamWaitEvent(stream.handle, outside.handle); });
  invalidates(blocking, cudaErrorStreamCaptureImplicit, [&] { return cudaMemsetAsync(x.data(), 0, sizeof(int)); });
  CHECK(x.host()[0] == 1);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(stream.handle, &graph) == cudaErrorStreamCaptureUnmatched);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal) == unsupported);
}

TEST_CASE("a relaxed capture allows allocations; copies of pinned memory are captured") {
  const Fresh fresh;
  const Stream stream;
  const DeviceVector<int> x(std::vector<int>{1});
  int* pinned = nullptr;
  REQUIRE_CUDA(cudaMallocHost(&pinned, sizeof(int)));
  REQUIRE_CUDA(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeRelaxed));
  int* memory = nullptr;
  REQUIRE_CUDA(cudaMalloc(&memory, sizeof(int)));
  REQUIRE_CUDA(cudaMemcpyAsync(x.data(), pinned, sizeof(int), cudaMemcpyHostToDevice, stream.handle));
  cudaGraph_t graph = nullptr;
  REQUIRE_CUDA(cudaStreamEndCapture(stream.handle, &graph));
  cudaGraphExec_t executable = nullptr;
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  for (const int value : {5, 6}) {
    *pinned = value;
    REQUIRE_CUDA(cudaGraphLaunch(executable, stream.handle));
    REQUIRE_CUDA(cudaStreamSynchronize(stream.handle));
    CHECK(x.host()[0] == value);
  }
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
  REQUIRE_CUDA(cudaFree(memory));
  REQUIRE_CUDA(cudaFreeHost(pinned));
}

}  // namespace
