// SPDX-License-Identifier: MIT
// A slow network on one machine (Linux, root): N namespaces with a network device each, 10.77.0.1 to 10.77.0.N, and
// 10.77.0.100 outside; what one sends reaches another after the latency and at the bandwidth that were asked for.
//
//   shaped_network RANKS LATENCY_MS GBIT_PER_S    until it gets SIGTERM or SIGINT; then the namespaces vanish
//
// The devices are TUN devices: this program is the wire between them. A packet arrives latency after it has left, and
// leaves when its sender's link has sent the packets before it.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kMtu = 65000;
constexpr int kOutside = 100;  // last number of the address outside the namespaces

volatile std::sig_atomic_t g_ended = 0;

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

int open_device(const std::string& name) {
  const int device = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (device < 0) throw std::runtime_error("/dev/net/tun cannot be opened");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(device, TUNSETIFF, &request) < 0) throw std::runtime_error("no device " + name + ": root is needed");
  return device;
}

struct Packet {
  Clock::time_point due;
  int to;  // device
  std::vector<char> bytes;
  bool operator>(const Packet& other) const { return due > other.due; }
};

struct Port {
  int device, address;
  Clock::time_point free{};  // when its link has sent everything so far
};

std::vector<Port> make_ports(int ranks) {
  std::vector<Port> ports;
  for (int n = 0; n <= ranks; ++n) {
    const bool outside = n == ranks;
    const std::string name = "rondo" + std::to_string(n), space = "rondo" + std::to_string(n);
    const int address = outside ? kOutside : n + 1;
    ports.push_back({open_device(name), address});
    const std::string inside = outside ? "" : "ip netns exec " + space + " ";
    if (!outside) {
      run("ip netns add " + space);
      run("ip link set " + name + " netns " + space);
      run(inside + "ip link set lo up");
    }
    run(inside + "ip address add 10.77.0." + std::to_string(address) + "/24 dev " + name);
    run(inside + "ip link set " + name + " mtu " + std::to_string(kMtu) + " txqueuelen 10000 up");
  }
  return ports;
}

void forward(std::vector<Port>& ports, Clock::duration latency, double bytes_per_second) {
  std::priority_queue<Packet, std::vector<Packet>, std::greater<>> under_way;
  std::vector<pollfd> waits;
  for (const Port& port : ports) waits.push_back({port.device, POLLIN, 0});
  std::vector<char> buffer(kMtu + 100);
  while (!g_ended) {
    timespec pause{1, 0};
    if (!under_way.empty()) {
      const auto left = std::max(under_way.top().due - Clock::now(), Clock::duration::zero());
      pause = {0, static_cast<long>(std::chrono::nanoseconds(left).count() % 1'000'000'000)};
    }
    ::ppoll(waits.data(), waits.size(), &pause, nullptr);
    for (std::size_t n = 0; n < ports.size(); ++n)
      for (int burst = 0; waits[n].revents & POLLIN && burst < 16; ++burst) {
        const auto size = ::read(ports[n].device, buffer.data(), buffer.size());
        if (size < 20) break;
        const auto now = Clock::now();
        ports[n].free = std::max(ports[n].free, now) + std::chrono::duration_cast<Clock::duration>(
                                                           Seconds(static_cast<double>(size) / bytes_per_second));
        const int to = static_cast<unsigned char>(buffer[19]);  // IPv4: the last byte of the destination
        under_way.push({ports[n].free + latency, to, {buffer.begin(), buffer.begin() + size}});
      }
    for (; !under_way.empty() && under_way.top().due <= Clock::now(); under_way.pop())
      for (const Port& port : ports)
        if (port.address == under_way.top().to)
          (void)!::write(port.device, under_way.top().bytes.data(), under_way.top().bytes.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int ranks = argc == 4 ? std::atoi(argv[1]) : 0;
  if (ranks < 1 || ranks >= kOutside) {
    std::fprintf(stderr, "usage: shaped_network RANKS LATENCY_MS GBIT_PER_S\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { g_ended = 1; });
  int status = 0;
  try {
    auto ports = make_ports(ranks);
    std::printf("ready\n");
    std::fflush(stdout);
    forward(ports, std::chrono::duration_cast<Clock::duration>(Seconds(std::atof(argv[2]) / 1000)),
            std::atof(argv[3]) * 1e9 / 8);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shaped_network: %s\n", e.what());
    status = 1;
  }
  for (int n = 0; n < ranks; ++n)
    (void)!std::system(("ip netns delete rondo" + std::to_string(n) + " 2> /dev/null").c_str());
  return status;
}
