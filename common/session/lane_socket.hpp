/// What a lane asks of its socket.
#pragma once

#include <cstddef>

namespace braid::lane_socket {

/// Sets congestion control, send buffer and keep-alive of a lane's new connection, as far as the
/// kernel takes them; a socket of another kind is left alone.
void prepare(int fd);

/// The socket becomes readable when so many bytes are there (SO_RCVLOWAT), or its end. Of an
/// old kernel a connection of MPTCP does with any byte: that costs CPU time, and nothing else.
void wake_for(int fd, std::size_t bytes);

/// How much the peer may have under way towards us beyond what is read: about `bytes`, to twice
/// as many. The kernel does not widen it by itself any more afterwards.
void bound_window(int fd, std::size_t bytes);
/// The most that a lane needs: undoes bound_window().
inline constexpr std::size_t wide_window = 4 << 20;

} // namespace braid::lane_socket
