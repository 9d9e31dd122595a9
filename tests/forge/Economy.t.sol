// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// The economy's core set of invariants on compiled Vyper bytecode, called at random by forge. Nothing here may revert:
// every action of the handler bounds what it passes (fail_on_revert). `harness.py` writes the contracts' init codes, with
// their constructors' arguments from tests/contracts/deployment.py, into world.json.

struct Log {
    bytes32[] topics;
    bytes data;
    address emitter;
}

interface Vm {
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonStringArray(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function startPrank(address) external;
    function stopPrank() external;
    function prank(address) external;
    function warp(uint256) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 key) external pure returns (address);
}

interface ITao {
    function totalSupply() external view returns (uint256);
    function balanceOf(address) external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
    function approve(address, uint256) external returns (bool);
    function burn(uint256) external;
}

interface IEmission {
    function accrue() external;
    function recycle(uint256) external;
    function drain(uint256, uint256) external returns (uint256);
    function set_shares(uint256[] calldata) external;
    function issuance_rao() external view returns (uint256);
    function accrued_rao() external view returns (uint256);
    function minted_rao() external view returns (uint256);
    function withheld_rao() external view returns (uint256);
    function recycled_rao() external view returns (uint256);
    function pending_q96(uint256) external view returns (uint256);
    function remainder_q96() external view returns (uint256);
}

struct PoolState {
    uint256 assets_rao;
    uint256 unvested_rao;
    uint256 shares;
    uint256 take_u16;
    uint256 next_take_u16;
    uint256 next_take_tick;
}

interface IStaking {
    function add_stake(address, uint256) external returns (uint256);
    function unbond(address, uint256) external returns (uint256);
    function cancel_unbonding(uint256) external returns (uint256);
    function remove_stake(uint256) external;
    function move_stake(address, address, uint256) external;
    function set_take(address, uint256) external;
    function take_of(address) external view returns (uint256);
    function owner_of(address) external view returns (address);
    function pool_of(address) external view returns (PoolState memory);
    function shares_of(address, address) external view returns (uint256);
    function value_of(address, address) external view returns (uint256);
    function total_stake_rao() external view returns (uint256);
    function total_unbonding_rao() external view returns (uint256);
    function stake_of(address) external view returns (uint256);
}

interface ISubnets {
    function create(address, uint256, uint256, uint256, bytes calldata) external returns (uint256);
    function start(uint256, uint256) external;
    function cost_rao() external view returns (uint256);
}

interface INeurons {
    function register(uint256, address, uint256, bytes calldata) external returns (uint256);
    function burn_rao(uint256) external view returns (uint256);
    function nonce_of(address) external view returns (uint256);
    function hotkey_of(uint256) external view returns (address);
    function uid_count(uint256) external view returns (uint256);
    function registration_at(uint256, uint256, uint256) external view returns (uint256);
}

struct Claim {
    uint256 epoch;
    uint256 registration_id;
    uint256 server_cumulative_rao;
    uint256 validator_cumulative_rao;
    bytes32[] proof;
}

interface IRewards {
    function add_root(uint256, uint256, bytes32, uint256, uint256) external;
    function claim(uint256, Claim calldata) external;
    function received_rao(uint256) external view returns (uint256);
    function paid_rao(uint256) external view returns (uint256);
    function claimed_of(uint256) external view returns (uint256);
}

// Who acts, and the ghosts: what must be true, kept beside the contracts and fed from receipts.
contract Handler {
    Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    uint256 constant PEOPLE = 4;
    uint256 constant KEYS = 6;
    uint256 constant MIN_STAKE = 2_000_000;
    uint256 constant UNBONDING = 60;
    uint256 constant CAP = 21_000_000e9;
    uint256 constant VIRTUAL = 1_000_000;
    uint256 constant GENESIS = 1_000_000e9;
    bytes32 constant LEAF_DOMAIN = keccak256("evmtensor.leaf.v1");

    ITao public tao;
    IEmission public emission;
    IStaking public staking;
    ISubnets public subnets;
    INeurons public neurons;
    IRewards public rewards;
    address public settlement;
    address public faucet;
    address[] public world;

    address[] public people;
    address[] public hotkeys;
    mapping(address => uint256) keyOf;
    uint256 public netuid;
    uint256[] public ids;
    mapping(address => uint256) public idOf;

    struct Unbonding { address member; address hotkey; uint256 amount; uint256 ripeAt; }
    mapping(uint256 => Unbonding) public unbondings;
    uint256[] public open;

    // ghosts, rao
    uint256 public minted;
    uint256 public burned;
    uint256 public recycled;
    uint256 public unbonding;
    mapping(address => uint256) public donated;
    mapping(address => mapping(address => uint256)) public paidIn;
    mapping(address => mapping(address => uint256)) public takenOut;
    mapping(address => uint256) public dividends;
    mapping(address => uint256) public priceOver;
    mapping(address => uint256) public priceUnder;
    uint256 public received;
    uint256 public claims;
    mapping(uint256 => uint256) public serverOf;
    mapping(uint256 => uint256) public validatorOf;
    mapping(uint256 => uint256) public claimedOf;
    uint256 epoch;
    bytes32 root;
    uint256 rooted;
    uint256 now_;
    mapping(bytes32 => uint256) public calls;

    constructor() {
        now_ = 1_000_000;
        vm.warp(now_);
        string memory json = vm.readFile("world.json");
        string[] memory names = vm.parseJsonStringArray(json, ".names");
        vm.startPrank(vm.parseJsonAddress(json, ".deployer"));
        for (uint256 i = 0; i < names.length; i++) {
            bytes memory code = vm.parseJsonBytes(json, string.concat(".code.", names[i]));
            address at;
            assembly { at := create(0, add(code, 32), mload(code)) }
            require(at == vm.parseJsonAddress(json, string.concat(".address.", names[i])), names[i]);
            world.push(at);
        }
        vm.stopPrank();
        tao = ITao(vm.parseJsonAddress(json, ".address.Tao"));
        emission = IEmission(vm.parseJsonAddress(json, ".address.Emission"));
        staking = IStaking(vm.parseJsonAddress(json, ".address.Staking"));
        subnets = ISubnets(vm.parseJsonAddress(json, ".address.Subnets"));
        neurons = INeurons(vm.parseJsonAddress(json, ".address.Neurons"));
        rewards = IRewards(vm.parseJsonAddress(json, ".address.Rewards"));
        settlement = vm.parseJsonAddress(json, ".address.Settlement");
        faucet = vm.parseJsonAddress(json, ".faucet");
        for (uint256 i = 0; i < PEOPLE; i++) people.push(address(uint160(0xC0FFEE00 + i)));
        for (uint256 i = 0; i < KEYS; i++) {
            address hotkey = vm.addr(0xA11CE + i);
            keyOf[hotkey] = 0xA11CE + i;
            hotkeys.push(hotkey);
        }
        open_subnet();
    }

    function open_subnet() internal {
        pass(2);
        uint256 cost = subnets.cost_rao();
        // a hotkey that calls by itself has consented
        fund(hotkeys[0], cost, address(subnets));
        vm.prank(hotkeys[0]);
        netuid = subnets.create(hotkeys[0], 16, 4, cost, "");
        for (uint256 i = 0; i < 4; i++) enter(i);
        vm.prank(hotkeys[0]);
        subnets.start(netuid, (now_ - 1_000_000) + 1);
    }

    // tools

    function pass(uint256 ticks) internal {
        now_ += ticks;
        vm.warp(now_);
    }

    function fund(address who, uint256 amount, address spender) internal {
        uint256 held = tao.balanceOf(who);
        if (held < amount) {
            vm.prank(faucet);
            tao.transfer(who, amount - held);
        }
        vm.prank(who);
        tao.approve(spender, amount);
    }

    function within(uint256 x, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + x % (most - least + 1);
    }

    function enter(uint256 number) internal {
        address hotkey = hotkeys[number];
        address coldkey = people[number % PEOPLE];
        uint256 price = neurons.burn_rao(netuid);
        fund(coldkey, price, address(neurons));
        bytes32 kind = keccak256("Register(uint256 netuid,address hotkey,address coldkey,uint256 nonce)");
        bytes32 domain = keccak256(abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("evmtensor Neurons"), keccak256("1"), block.chainid, address(neurons)
        ));
        bytes32 said = keccak256(abi.encode(kind, netuid, hotkey, coldkey, neurons.nonce_of(hotkey)));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[hotkey], keccak256(abi.encodePacked(hex"1901", domain, said)));
        vm.prank(coldkey);
        uint256 id = neurons.register(netuid, hotkey, price, abi.encodePacked(r, s, v));
        burned += price;
        recycled += price;
        ids.push(id);
        idOf[hotkey] = id;
    }

    function pooled(uint256 x) internal view returns (address) {
        return hotkeys[x % ids.length];
    }

    function note(bytes32 what) internal {
        calls[what] += 1;
        for (uint256 i = 0; i < ids.length; i++) price(hotkeys[i]);
    }

    // Here and not in check: forge takes back what an invariant writes, so the last price would be lost.
    function price(address hotkey) internal {
        PoolState memory p = staking.pool_of(hotkey);
        uint256 vested = p.assets_rao - p.unvested_rao;
        uint256 over = priceOver[hotkey];
        if (p.shares > 0 && over > 0) {
            require((vested + 1) * priceUnder[hotkey] >= over * (p.shares + VIRTUAL), "I-09 a price fell");
        }
        priceOver[hotkey] = p.shares > 0 ? vested + 1 : 0;
        priceUnder[hotkey] = p.shares + VIRTUAL;
    }


    // what anybody does

    function wait_(uint256 ticks) external { pass(within(ticks, 1, 90)); note("wait"); }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address sender = people[from % PEOPLE];
        amount = within(amount, 0, tao.balanceOf(sender));
        address receiver = people[to % PEOPLE];
        if (to % 7 == 0) {
            receiver = world[to % world.length];
            donated[receiver] += amount;
        }
        vm.prank(sender);
        tao.transfer(receiver, amount);
        note("transfer");
    }

    function burn(uint256 from, uint256 amount) external {
        address sender = people[from % PEOPLE];
        amount = within(amount, 0, tao.balanceOf(sender) / 4);
        vm.prank(sender);
        tao.burn(amount);
        burned += amount;
        note("burn");
    }

    function accrue() external { emission.accrue(); note("accrue"); }

    function recycle(uint256 from, uint256 amount) external {
        amount = within(amount, 0, 3e9);
        address sender = people[from % PEOPLE];
        fund(sender, amount, address(emission));
        vm.prank(sender);
        emission.recycle(amount);
        burned += amount;
        recycled += amount;
        note("recycle");
    }

    function share(uint256 first) external {
        uint256[] memory shares = new uint256[](1);
        // two u128 lanes to a word, netuid 1 on top
        shares[0] = within(first, 0, 2 ** 64 - 1) << 128;
        vm.prank(settlement);
        emission.set_shares(shares);
        note("share");
    }

    function register(uint256) external {
        if (ids.length == KEYS) return;
        enter(ids.length);
        note("register");
    }

    function join(uint256 who, uint256 behind, uint256 amount) public {
        address member = people[who % PEOPLE];
        address hotkey = pooled(behind);
        amount = within(amount, MIN_STAKE, 10 ** within(behind, 7, 13));
        fund(member, amount, address(staking));
        vm.prank(member);
        staking.add_stake(hotkey, amount);
        paidIn[hotkey][member] += amount;
        note("join");
    }

    function part(address hotkey, address member, uint256 x) internal view returns (uint256) {
        uint256 held = staking.shares_of(hotkey, member);
        uint256 value = staking.value_of(hotkey, member);
        if (value <= MIN_STAKE + 3 || x % 3 == 0) return held;
        return held * within(x, 1, value - MIN_STAKE - 2) / value;
    }

    function leave(uint256 who, uint256 behind, uint256 x) external {
        address member = people[who % PEOPLE];
        address hotkey = pooled(behind);
        uint256 shares = part(hotkey, member, x);
        if (shares == 0) return;
        uint256 before = staking.total_unbonding_rao();
        bool all = shares == staking.shares_of(hotkey, member);
        uint256 shown = staking.value_of(hotkey, member);
        vm.prank(member);
        uint256 number = staking.unbond(hotkey, shares);
        uint256 amount = staking.total_unbonding_rao() - before;
        require(!all || amount == shown, "I-35 value_of is not what unbond gives");
        unbonding += amount;
        takenOut[hotkey][member] += amount;
        unbondings[number] = Unbonding(member, hotkey, amount, now_ + UNBONDING);
        open.push(number);
        if (staking.pool_of(hotkey).shares == 0) priceOver[hotkey] = 0;
        note("leave");
    }

    function move(uint256 who, uint256 from, uint256 to, uint256 x) external {
        address member = people[who % PEOPLE];
        address source = pooled(from);
        address target = pooled(to);
        if (source == target) return;
        uint256 shares = part(source, member, x);
        uint256 held = staking.shares_of(source, member);
        if (shares == 0 || staking.value_of(source, member) * shares / held <= MIN_STAKE + 1) return;
        uint256 before = staking.stake_of(target);
        vm.prank(member);
        staking.move_stake(source, target, shares);
        uint256 amount = staking.stake_of(target) - before;
        takenOut[source][member] += amount;
        paidIn[target][member] += amount;
        if (staking.pool_of(source).shares == 0) priceOver[source] = 0;
        note("move");
    }

    function take_out(uint256 x) internal returns (uint256 number, Unbonding memory one) {
        number = open[x % open.length];
        one = unbondings[number];
        open[x % open.length] = open[open.length - 1];
        open.pop();
        unbonding -= one.amount;
    }

    function cancel(uint256 x) external {
        if (open.length == 0) return;
        (uint256 number, Unbonding memory one) = take_out(x);
        if (one.amount < MIN_STAKE) { open.push(number); unbonding += one.amount; return; }
        vm.prank(one.member);
        staking.cancel_unbonding(number);
        paidIn[one.hotkey][one.member] += one.amount;
        note("cancel");
    }

    function remove(uint256 x) external {
        if (open.length == 0) return;
        (uint256 number, Unbonding memory one) = take_out(x);
        if (now_ < one.ripeAt) pass(one.ripeAt - now_);
        uint256 before = tao.balanceOf(one.member);
        vm.prank(one.member);
        staking.remove_stake(number);
        require(tao.balanceOf(one.member) == before + one.amount, "I-12 an exit paid another amount");
        note("remove");
    }

    function turn_take(uint256 behind, uint256 take) external {
        address hotkey = pooled(behind);
        uint256 most = staking.take_of(hotkey) + 3_276;
        if (most > 11_796) most = 11_796;
        vm.prank(staking.owner_of(hotkey));
        staking.set_take(hotkey, within(take, 0, most));
        note("take");
    }

    // An epoch became final: one neuron earned part of what accrued, the rest is recycled. Settlement's part is played.
    function settle(uint256 behind, uint256 cap, uint256 cut) external {
        uint256 withheld = emission.withheld_rao();
        vm.startPrank(settlement);
        uint256 drained = emission.drain(netuid, within(cap, 0, 400));
        minted += drained;
        recycled += emission.withheld_rao() - withheld;
        uint256 paid = within(cut, 0, drained);
        tao.transfer(address(rewards), paid);
        tao.approve(address(emission), drained - paid);
        emission.recycle(drained - paid);
        burned += drained - paid;
        recycled += drained - paid;
        rooted = idOf[pooled(behind)];
        serverOf[rooted] += paid / 3;
        validatorOf[rooted] += paid - paid / 3;
        received += paid;
        root = climb(rooted);
        rewards.add_root(netuid, epoch++, root, 4, paid);
        vm.stopPrank();
        note("settle");
    }

    function claim(uint256 twice) external {
        if (root == 0) return;
        address hotkey = neurons.hotkey_of(rooted);
        uint256 due = serverOf[rooted] + validatorOf[rooted] - claimedOf[rooted];
        PoolState memory pool = staking.pool_of(hotkey);
        uint256 word = rewards.claimed_of(rooted);
        uint256 divided = validatorOf[rooted] - (word & (2 ** 128 - 1));
        rewards.claim(netuid, Claim(epoch - 1, rooted, serverOf[rooted], validatorOf[rooted], new bytes32[](4)));
        if (twice % 3 == 0) {
            rewards.claim(netuid, Claim(epoch - 1, rooted, serverOf[rooted], validatorOf[rooted], new bytes32[](4)));
        }
        claims += due;
        claimedOf[rooted] += due;
        if (pool.shares > 0) {
            uint256 take = divided * pool.take_u16 / 65_535;
            dividends[hotkey] += divided - take;
            paidIn[hotkey][staking.owner_of(hotkey)] += take;
        }
        note("claim");
    }

    function climb(uint256 id) internal view returns (bytes32 node) {
        bytes32 prefix = keccak256(abi.encode(LEAF_DOMAIN, block.chainid, address(rewards), netuid));
        node = keccak256(abi.encodePacked(keccak256(abi.encode(prefix, id, serverOf[id], validatorOf[id]))));
        uint256 uid = (id >> 48) & 0xFFFF;
        for (uint256 level = 0; level < 4; level++) {
            node = (uid >> level) & 1 == 1
                ? keccak256(abi.encodePacked(bytes32(0), node))
                : keccak256(abi.encodePacked(node, bytes32(0)));
        }
    }

    // what must hold

    function held(address one) internal view returns (uint256) { return tao.balanceOf(one); }

    function check() external view {
        supply();
        schedule();
        stake();
        pay();
        uids();
    }

    function supply() internal view {
        uint256 sum = held(faucet) + held(hotkeys[0]);
        for (uint256 i = 0; i < people.length; i++) sum += held(people[i]);
        for (uint256 i = 0; i < world.length; i++) sum += held(world[i]);
        uint256 total = tao.totalSupply();
        require(sum == total, "I-01 balances do not add up to the supply");
        require(total == GENESIS + minted - burned, "I-03 supply is not minted less burned");
    }

    function schedule() internal view {
        IEmission e = emission;
        uint256 accrued = e.accrued_rao();
        require(e.issuance_rao() == GENESIS + accrued - recycled, "I-02 issuance is another");
        require(e.issuance_rao() <= CAP, "I-02 issuance is above the cap");
        require(e.minted_rao() == minted, "I-02 minted is not what was drained");
        require(e.recycled_rao() == recycled, "I-15 recycled is not what was given");
        uint256 parts = ((minted + e.withheld_rao()) << 96) + e.pending_q96(0) + e.pending_q96(netuid);
        require(accrued << 96 == parts + e.remainder_q96(), "I-02 accrued is lost");
    }

    function stake() internal view {
        IStaking s = staking;
        uint256 owed = s.total_stake_rao() + unbonding + donated[address(s)];
        require(s.total_unbonding_rao() == unbonding, "I-05 unbonding does not add up");
        require(held(address(s)) == owed, "I-05 staking does not hold what it owes");
        uint256 assets = 0;
        for (uint256 i = 0; i < ids.length; i++) assets += pool(s, hotkeys[i]);
        require(assets == s.total_stake_rao(), "I-06 pools do not add up");
    }

    function pool(IStaking s, address hotkey) internal view returns (uint256) {
        PoolState memory p = s.pool_of(hotkey);
        uint256 shares = 0;
        uint256 worth = 0;
        uint256 gains = 0;
        uint256 losses = 0;
        for (uint256 i = 0; i < people.length; i++) {
            address member = people[i];
            uint256 owned = s.shares_of(hotkey, member);
            uint256 value = owned == 0 ? 0 : s.value_of(hotkey, member);
            shares += owned;
            worth += value;
            gains += value + takenOut[hotkey][member];
            losses += paidIn[hotkey][member];
        }
        require(shares == p.shares, "I-07 shares do not add up");
        uint256 vested = p.assets_rao - p.unvested_rao;
        require(worth <= vested, "I-08 members are shown more than there is");
        if (shares > 0) {
            uint256 virtual_ = VIRTUAL * (vested + 1) / (shares + VIRTUAL) + 1;
            require(vested - worth <= people.length + 1 + virtual_, "I-08 rao are nobody's");
        }
        require(gains <= losses + dividends[hotkey], "I-10 a pool gave more than it got");
        return p.assets_rao;
    }

    function pay() internal view {
        IRewards r = rewards;
        require(r.received_rao(netuid) == received && r.paid_rao(netuid) == claims, "I-21 books of pay");
        require(claims <= received, "I-21 paid more than received");
        require(held(address(r)) == received - claims + donated[address(r)], "I-24 rewards' balance");
        for (uint256 i = 0; i < ids.length; i++) {
            uint256 id = ids[i];
            uint256 word = r.claimed_of(id);
            require((word >> 128) + (word & (2 ** 128 - 1)) == claimedOf[id], "I-22 a claim is not noted");
            require(word >> 128 <= serverOf[id], "I-22 more was claimed than earned");
        }
    }

    function uids() internal view {
        INeurons n = neurons;
        require(n.uid_count(netuid) == ids.length, "I-13 uids are not the registrations");
        for (uint256 i = 0; i < ids.length; i++) {
            uint256 id = ids[i];
            require((id >> 48) & 0xFFFF == i && id & (2 ** 48 - 1) == 1, "I-13 uid and generation");
            require(n.hotkey_of(id) == hotkeys[i], "I-13 a uid is another's");
        }
    }
}

contract EconomyInvariants {
    Handler h;

    function setUp() public { h = new Handler(); }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(h);
    }

    struct FuzzSelector { address addr; bytes4[] selectors; }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[15] memory actions = [
            h.wait_.selector, h.transfer.selector, h.burn.selector, h.accrue.selector, h.recycle.selector,
            h.share.selector, h.register.selector, h.join.selector, h.leave.selector, h.move.selector,
            h.cancel.selector, h.remove.selector, h.turn_take.selector, h.settle.selector, h.claim.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(h), new bytes4[](actions.length));
        for (uint256 i = 0; i < actions.length; i++) targets[0].selectors[i] = actions[i];
    }

    function invariant_all() public view { h.check(); }
}
