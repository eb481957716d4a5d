-- Replace what a reservation took by what was really used: the difference is charged or given back.
--
-- KEYS: the reservation, the owners of the limits it was made with, those of the usage.
-- ARGV: now in microseconds ('' for the server's clock), the specification of these limits, in the
--       same order (_limits.lua), the cost being the real one, how many they are, how many owners,
--       then what is counted (_usage.lua).
-- Returns: 1 or 0 for settled or not there any more, then what the limits answer.
-- A balance may go below zero. What a budget's former period was charged stays there: a request
-- that ends after midnight is settled as it was reserved. Of what ChatGPT has seen its own limits
-- give nothing back, unless it costs nothing: it counts what a request may use, not what it did.
-- Safe to run twice: the reservation is gone after the first time.

local now = clock(ARGV[1])
local count, owners = tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = call('MGET', unpack(KEYS, 1, owners + 1))
local limits, states = limits_at(now, ARGV[2], count, kept, 2)

if kept[1] then
  local taken = doubles(kept[1])
  for index, limit in ipairs(limits) do
    local took = taken[index + 1]
    if limit.kind == PLACES then
      change_places(limit.state, took, -1)
      limit.balance = limit.burst - places_taken(limit.state, now) * 1000000
    elseif limit.kind == BUDGET then
      if taken[1] >= limit.begun then
        limit.balance = limit.balance + took - limit.cost
        level_off(limit)
        keep(limit)
      end
    elseif limit.kind == BUCKET or (limit.rate > 0 and took ~= UNKNOWN) then
      local back = took - limit.cost
      if limit.kind == LEARNED and limit.cost > 0 then back = min(back, 0) end
      limit.balance = limit.balance + back
      level_off(limit)
      keep(limit)
    end
  end
  for owner, state in ipairs(states) do
    save(KEYS[owner + 1], state, now)
  end
  call('DEL', KEYS[1])
  count_usage(2 + owners, 5)
end
return { kept[1] and 1 or 0, report(limits, {}) }
