#include "common/admin/suggest.hpp"

#include <algorithm>
#include <vector>

namespace braid {
namespace {

constexpr std::size_t longest_word = 64; ///< bytes; longer ones are no typing mistakes

} // namespace

std::size_t edit_distance(std::string_view a, std::string_view b)
{
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> cost((a.size() + 1) * width);
    const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& {
        return cost[i * width + j];
    };
    for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
    for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
            at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + changed});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
        }
    }
    return cost.back();
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known)
{
    if (word.empty() || word.size() > longest_word) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t best_distance = 1 + word.size() / 4;
    for (const auto candidate : known) {
        const auto distance = edit_distance(word, candidate);
        if (distance >= candidate.size() || distance > best_distance) continue;
        if (best && distance == best_distance) continue;
        best = candidate;
        best_distance = distance;
    }
    return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known)
{
    if (const auto meant = nearest(word, known))
        return std::string{"did you mean '"}.append(*meant).append("'?");
    std::string all;
    for (const auto candidate : known)
        all.append(all.empty() ? "one of: " : ", ").append(candidate);
    return all;
}

} // namespace braid
