-- Take the costs of a request from every limit, or from none.
--
-- KEYS: the reservation, each owner's limits, two for each room (_rooms.lua), those of the usage.
-- ARGV: now in microseconds ('' for the server's clock), the specification of the limits
--       (_limits.lua), how many they are, how many owners, milliseconds to keep the reservation,
--       milliseconds that a place in flight is leased for, milliseconds for which a refused request
--       counts as waiting ('' if it does not wait), the line it waits in, 1 if others stand behind
--       it there, how many rooms, for each room, from the innermost to the outermost, the flow and
--       its weight; then what is counted if it is refused (_usage.lua).
-- Returns: 1 or 0 for granted or refused, what the limits answer (_limits.lua: report), and, of a
--       refused request, how many flows go before it in the room that stops it, how many wait
--       there, microseconds until its turn may have come, and which room that is (0 for none).
-- Safe to run twice: a reservation that is there already is granted again and nothing is taken. Of
-- a refusal that is repeated each is counted: it took nothing, and both were asked.
-- A budget is not waited for.

local now = clock(ARGV[1])
local count, owners, lease_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local waiting, line, room_count = ARGV[7] ~= '', ARGV[8], tonumber(ARGV[10])
local kept = call('MGET', unpack(KEYS, 1, owners + 1))
local limits, states = limits_at(now, ARGV[2], count, kept, 2)
local repeated = kept[1]

-- A room is there while somebody waits in it and a minute more: a request that finds none, and
-- every limit holding enough, looks no further.
local rooms, contended = {}, false
if room_count > 0 then
  contended = call('EXISTS', unpack(KEYS, owners + 2, owners + 1 + 2 * room_count)) > 0
end

local function find_rooms()
  for index = 1, room_count do
    local key = owners + 2 * index
    local flow, weight = ARGV[9 + 2 * index], tonumber(ARGV[10 + 2 * index])
    rooms[index] = { waiting = KEYS[key], known = KEYS[key + 1], flow = flow, weight = weight }
  end
end

-- The share of what is waited for, in a room or beyond it, that the request takes: of the limit
-- that it takes most of; a little in any case, so that requests are counted where nothing else is.
local function share_of(index)
  local share = 1e-9
  for _, limit in ipairs(limits) do
    if limit.room >= index and limit.burst > 0 and limit.kind ~= BUDGET then
      share = max(share, limit.cost / limit.burst)
    end
  end
  return share
end

local waits, refused, stopped_by = {}, false, nil
for index, limit in ipairs(limits) do
  local wait = repeated and 0 or wait_for(limit, 1)
  waits[index] = wait
  if wait > 0 and limit.enforced == 1 then
    refused = true
    stopped_by = min(stopped_by or limit.room, limit.room)
    waiting = waiting and limit.kind ~= BUDGET
  end
end

if not repeated and (contended or (refused and waiting)) then
  find_rooms()
  for index = 1, min(stopped_by or room_count, room_count) do
    look_into(rooms[index], now)
    if not rooms[index].first then
      refused, stopped_by = true, index
      break
    end
  end
end

if refused then
  local before, flows, turn = 0, 0, 0
  local stop = rooms[stopped_by]
  if stop and stop.served then
    local rank = call('ZRANK', stop.waiting, stop.flow)
    before = rank or call('ZCOUNT', stop.waiting, '-inf', stop.served)
    flows = call('ZCARD', stop.waiting) + (rank and 0 or 1)
    for _, limit in ipairs(limits) do
      if limit.room == stopped_by then turn = max(turn, wait_for(limit, before + 1)) end
    end
  end
  if waiting then
    for index, room in ipairs(rooms) do
      if index <= stopped_by then
        stand(room, line, now, now + ARGV[7] * 1000)
      elseif contended then
        step_out(room, line, now)
      end
    end
  else
    count_usage(2 + owners + 2 * room_count, 11 + 2 * room_count)
  end
  return { 0, report(limits, waits), before, flows, turn, stopped_by }
end

if not repeated then
  local taken, ends = { now }, lease_end(now, lease_ms)
  for index, limit in ipairs(limits) do
    if limit.kind == PLACES then
      change_places(limit.state, ends, 1)
      limit.balance, limit.state[1] = limit.balance - limit.cost, max(limit.state[1], ends)
      taken[index + 1] = ends
    elseif limit.kind == LEARNED and limit.rate == 0 then
      taken[index + 1] = UNKNOWN
    else
      limit.balance = limit.balance - limit.cost
      level_off(limit)
      keep(limit)
      taken[index + 1] = limit.cost
    end
  end
  for owner, state in ipairs(states) do
    save(KEYS[owner + 1], state, now)
  end
  call('SET', KEYS[1], pack(string.rep('d', count + 1), unpack(taken)), 'PX', ARGV[5])
  for index, room in ipairs(rooms) do
    if call('EXISTS', room.known) == 1 then
      local began = room.served
      room.served = began + share_of(index) / room.weight
      call('HSET', room.known, 'served ' .. room.flow, room.served, 'served', began)
      if ARGV[9] == '1' then
        stand(room, line, now, now + ARGV[7] * 1000)
      elseif step_out(room, line, now) then
        call('ZADD', room.waiting, room.served, room.flow)
      end
    end
  end
end
return { 1, report(limits, waits) }
