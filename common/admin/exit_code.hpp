/// Exit statuses of the programs, the same everywhere.
#pragma once

#include <array>
#include <string_view>

namespace braid {

enum class ExitCode : int {
    ok = 0,
    failure = 1,       ///< something failed at run time
    usage = 2,         ///< the command line is wrong
    not_running = 3,   ///< no daemon answers on the control socket
    config = 4,        ///< the config file or a key file is not valid
    not_permitted = 5, ///< needs root or CAP_NET_ADMIN, or access to the control socket
    refused = 6,       ///< the peer does not accept our key
    no_uplink = 7,     ///< no uplink can be used
    timed_out = 8,     ///< it took longer than allowed
};

struct ExitCodeText {
    ExitCode code;
    std::string_view meaning;
};

/// One line per status, for --help.
inline constexpr std::array exit_code_texts{
    ExitCodeText{ExitCode::ok, "ok"},
    ExitCodeText{ExitCode::failure, "failed at run time"},
    ExitCodeText{ExitCode::usage, "wrong command line"},
    ExitCodeText{ExitCode::not_running, "not running"},
    ExitCodeText{ExitCode::config, "config or key file not valid"},
    ExitCodeText{ExitCode::not_permitted, "not permitted"},
    ExitCodeText{ExitCode::refused, "refused by the peer"},
    ExitCodeText{ExitCode::no_uplink, "no usable uplink"},
    ExitCodeText{ExitCode::timed_out, "timed out"},
};

} // namespace braid
