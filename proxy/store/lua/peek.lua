-- Look at limits and take nothing.
--
-- KEYS: each owner's limits.
-- ARGV: now in microseconds ('' for the server's clock), the specification of the limits
--       (_limits.lua), how many they are.
-- Returns: 1, then what the limits answer; the waits are for the costs of the specification.

local limits = limits_at(clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), call('MGET', unpack(KEYS)), 1)
local waits = {}
for index, limit in ipairs(limits) do
  waits[index] = wait_for(limit, 1)
end
return { 1, report(limits, waits) }
