//! The commands and scripts that change a machine, on trees of files that stand for it and in network namespaces of their own: nothing here changes the machine
//! that the tests run on.

mod addresses;
mod addresses_kept;
mod addresses_whose;
mod lan;
mod own_network;
mod ran;
mod settings;
mod settings_beyond;
mod settings_kept;
mod settings_networks;
mod specs;
mod trials;
mod usage;
