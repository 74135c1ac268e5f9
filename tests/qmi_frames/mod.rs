//! Real frames: those to the modem were accepted by libqmi's programs, those from
//! it were decoded rightly by them.

/// (name, frame in hexadecimal digits).
pub const FRAMES: [(&str, &str); 21] = [
    ("version info >", "010b00000000000121000000"),
    (
        "version info <",
        "01340080000001012100290002040000000000011f0006000100050001010024000201000e0003010019000b010016001a01000d00",
    ),
    ("allocate WDS >", "010f0000000000052200040001010001"),
    ("allocate WDS <", "011700800000010522000c00020400000000000102000101"),
    ("allocate DMS >", "010f0000000000042200040001010002"),
    ("allocate DMS <", "011700800000010422000c00020400000000000102000201"),
    ("proxy open >", "011800000000000100ff0d00010a002f6465762f7074732f31"),
    ("proxy open <", "011200800000010100ff070002040000000000"),
    ("ids >", "010c0000020100010025000000"),
    (
        "ids <",
        "012e00800201020100250022000204000000000010010030110f003836373639383034313233343536331302003031",
    ),
    ("ICCID >", "010c000002010003003c000000"),
    (
        "ICCID <",
        "0129008002010203003c001d000204000000000001130038393836303031323334353637383930313233",
    ),
    ("packet service status >", "010c0000010100010022000000"),
    ("packet service status <", "01170080010102010022000b000204000000000001010002"),
    ("packet statistics >", "01130000010100020024000700010400c0000000"),
    (
        "packet statistics <",
        "01290080010102020024001d000204000000000019080087d61200000000001a08007bf2052a01000000",
    ),
    (
        "out of call <",
        "01290080010102010024001d0002040001000f001b08006f000000000000001c0800de00000000000000",
    ),
    ("release WDS >", "0110000000000006230005000102000101"),
    ("release WDS <", "011700800000010623000c00020400000000000102000101"),
    (
        "ids of libqmi's own tests <",
        "01450080020102ffff250039000204000000000013010042120e0033353932323530353030333939371008003830393937383734110f00333539323235303530303339393733",
    ),
    // Made by hand after libqmi's definitions.
    ("packet service status indication <", "0115008001ff04000022000900010200020012010004"),
];

/// A frame's bytes.
pub fn frame(name: &str) -> Vec<u8> {
    let (_, hex) = FRAMES.iter().find(|(known, _)| *known == name).expect("a known frame");
    bytes(hex)
}

/// Bytes of hexadecimal digits.
pub fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("a digit")).expect("four bits"))
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
