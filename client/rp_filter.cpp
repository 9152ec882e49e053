#include "client/rp_filter.hpp"

#include <algorithm>

namespace braid {

Result<std::vector<SysctlValue>> rp_filter_changes(const std::vector<std::string>& interfaces)
{
    const auto all = read_sysctl("net/ipv4/conf/all/rp_filter");
    if (!all) return fail(all.error());
    std::vector<SysctlValue> changes;
    for (const std::string& interface : interfaces) {
        std::string name = "net/ipv4/conf/" + interface + "/rp_filter";
        const auto own = read_sysctl(name);
        if (own && std::max(*all, *own) == "1") changes.push_back({std::move(name), "2"});
    }
    return changes;
}

} // namespace braid
