-- Keep a running request's reservation and its places in flight for another lease.
--
-- KEYS: the reservation, the owner of each limit that counts places.
-- ARGV: now in microseconds ('' for the server's clock), milliseconds to keep the reservation,
--       milliseconds that a place is leased for, for each owner which of the reservation's limits
--       counts its places.
-- A place whose lease ran out meanwhile is lost. Safe to run twice.

local now = clock(ARGV[1])
local kept = call('MGET', unpack(KEYS))
if not kept[1] then return end

local ends, taken = lease_end(now, tonumber(ARGV[3])), doubles(kept[1])
for index = 2, #KEYS do
  local state, place = state_of(kept[index]), ARGV[index + 2] + 1
  places_taken(state, now)
  if change_places(state, taken[place], -1) then
    change_places(state, ends, 1)
    taken[place], state[1] = ends, max(state[1], ends)
    save(KEYS[index], state, now)
  end
end
call('SET', KEYS[1], pack(string.rep('d', #taken), unpack(taken)), 'PX', ARGV[2])
