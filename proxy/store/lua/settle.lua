-- Replace what a reservation took by what was really used: the difference is charged or given back.
--
-- KEYS: the reservation, the limits it was made with, in the same order, those of the usage.
-- ARGV: now in microseconds ('' for the server's clock), the specification of the limits
--       (_limits.lua), the cost being the real one, how many they are, then what is counted
--       (_usage.lua).
-- Returns: 1 or 0 for settled or not there any more, then what the limits answer.
-- A balance may go below zero. What a budget's former period was charged stays there: a request
-- that ends after midnight is settled as it was reserved. Of what ChatGPT has seen its own limits
-- give nothing back, unless it costs nothing: it counts what a request may use, not what it did.
-- Safe to run twice: the reservation is gone after the first time.

local now = clock(ARGV[1])
local count = tonumber(ARGV[3])
local limits = limits_at(now, ARGV[2], 2, count)
local kept = call('GET', KEYS[1])

if kept then
  local taken = { unpacked(string.rep('d', count + 1), kept) }
  for index, limit in ipairs(limits) do
    if limit.kind == PLACES then
      call('ZREM', limit.key, KEYS[1])
      limit.balance = limit.burst - call('ZCARD', limit.key) * 1000000
    elseif limit.kind == BUDGET then
      if taken[1] >= limit.begun then
        limit.balance = limit.balance + taken[index + 1] - limit.cost
        level_off(limit)
        keep(limit)
      end
    elseif limit.kind == BUCKET or (limit.rate > 0 and taken[index + 1] ~= UNKNOWN) then
      local back = taken[index + 1] - limit.cost
      if limit.kind == LEARNED and limit.cost > 0 then back = min(back, 0) end
      limit.balance = limit.balance + back
      level_off(limit)
      keep(limit)
    end
  end
  call('DEL', KEYS[1])
  count_usage(2 + count, 4)
end
return { kept and 1 or 0, report(limits, {}) }
