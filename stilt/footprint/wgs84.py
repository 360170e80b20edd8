"""What files say of plain degrees, EPSG:4326, as PROJ 9.5 says it.

Written down here: to ask PROJ takes a worker a tenth of a second, and other versions know other members of the
ensemble, so that the same run would give other bytes.
"""

from __future__ import annotations

CODE = "EPSG:4326"

_REALIZATIONS = ("Transit", "G730", "G873", "G1150", "G1674", "G1762", "G2139", "G2296")
_MEMBERS = ",".join(f'MEMBER["World Geodetic System 1984 ({name})"]' for name in _REALIZATIONS)
_DEGREE = 'ANGLEUNIT["degree",0.0174532925199433]'

WKT = (
    f'GEOGCRS["WGS 84",ENSEMBLE["World Geodetic System 1984 ensemble",{_MEMBERS},'
    'ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]],ENSEMBLEACCURACY[2.0]],'
    f'PRIMEM["Greenwich",0,{_DEGREE}],CS[ellipsoidal,2],'
    f'AXIS["geodetic latitude (Lat)",north,ORDER[1],{_DEGREE}],'
    f'AXIS["geodetic longitude (Lon)",east,ORDER[2],{_DEGREE}],'
    'USAGE[SCOPE["Horizontal component of 3D system."],AREA["World."],BBOX[-90,-180,90,180]],ID["EPSG",4326]]'
)

ATTRIBUTES: dict[str, str | float] = {
    "crs_wkt": WKT,
    "semi_major_axis": 6378137.0,
    "semi_minor_axis": 6356752.314245179,
    "inverse_flattening": 298.257223563,
    "reference_ellipsoid_name": "WGS 84",
    "longitude_of_prime_meridian": 0.0,
    "prime_meridian_name": "Greenwich",
    "geographic_crs_name": "WGS 84",
    "horizontal_datum_name": "World Geodetic System 1984 ensemble",
    "grid_mapping_name": "latitude_longitude",
}
"""In the order in which they are written."""
