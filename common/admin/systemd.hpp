/// Reports to systemd without its library (sd_notify(3)).
#pragma once

#include <string>

namespace braid {

/// Sends a state such as "READY=1" to the socket that NOTIFY_SOCKET names; nothing happens when
/// systemd did not start us, or does not listen.
void notify_systemd(const std::string& state);

} // namespace braid
