/// Fuzzes requests on the control socket: what was taken is an object that can be sent again.
#include "common/admin/control_socket.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace braid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string line{data, data + size};
    const auto request = parse_request(line);
    if (!request) return 0;
    if (!request->at("request").is_string()) std::abort();
    const auto again = parse_request(request->dump());
    if (!again && request->dump().size() <= max_request_size) std::abort();
    if (again && *again != *request) std::abort();
    return 0;
}
